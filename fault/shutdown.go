package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Shutdown sends the postmaster the signal that makes it shut down: SIGTERM for smart, SIGINT for fast, SIGQUIT for immediate.
//
// It imitates an operator's pg_ctl stop, an orchestrator that evicts a node, a service manager at the host's shutdown. Smart lets no
// new session in and ends when the last one has ended by itself, so with a connection pool before it, never; fast ends sessions and writes
// a checkpoint; immediate ends at once and leaves recovery to the next start, as a crash does.
//
// Mechanism: the signal, to the postmaster alone. It needs nothing. Sessions that the harness keeps open count for a smart shutdown as
// those of any monitoring do.
//
// It is momentary: bringing PostgreSQL back is a procedure's work, and Revert does nothing. With Restart, Revert ends a shutdown that still
// waits, and starts PostgreSQL.
type Shutdown struct {
	Target  Target
	Mode    cluster.StopMode
	Restart bool
}

// String is "shutdown(primary, fast)".
func (f Shutdown) String() string { return fmt.Sprintf("shutdown(%s, %s)", f.Target, f.Mode) }

// signals are those of the modes (documentation, "Shutting Down the Server").
func signals() map[cluster.StopMode]syscall.Signal {
	return map[cluster.StopMode]syscall.Signal{cluster.Smart: syscall.SIGTERM, cluster.Fast: syscall.SIGINT, cluster.Immediate: syscall.SIGQUIT}
}

// Supported is always true: a signal needs nothing.
func (f Shutdown) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a shutdown is that of a kill.
func (f Shutdown) Footprint() Footprint {
	return Footprint{
		Needs: []string{f.Target.String()}, Takes: []string{f.Target.String()}, Holds: []string{"processes of " + f.Target.String()},
	}
}

// Bind finds the node and sees that PostgreSQL runs.
func (f Shutdown) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if signals()[f.Mode] == 0 {
		return nil, fmt.Errorf("%s: want mode %s, %s or %s", f, cluster.Smart, cluster.Fast, cluster.Immediate)
	}
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	running, err := node.Running(ctx)
	if err == nil && !running {
		err = fmt.Errorf("%w: no PostgreSQL runs on %s", ErrNoTarget, node)
	}
	return &boundShutdown{fault: f, node: node, peers: r.Cluster.Peers(node)}, err
}

type boundShutdown struct {
	fault   Shutdown
	node    *cluster.Node
	peers   []*cluster.Node
	session *session // of a smart shutdown: one that goes on
	logged  int64    // bytes of the log before
	victims []int
	at      time.Time
}

func (b *boundShutdown) String() string {
	return fmt.Sprintf("shutdown(%s, %s)", b.node, b.fault.Mode)
}

func (b *boundShutdown) Targets() []string { return []string{b.node.Name()} }

// Undo is empty: bringing PostgreSQL back is a procedure's work.
func (b *boundShutdown) Undo() []intent.Action { return nil }

func (b *boundShutdown) Momentary() {}

func (b *boundShutdown) Inject(ctx context.Context) (_ Active, err error) {
	if b.logged, err = b.node.LogSize(ctx); err != nil {
		return nil, err
	}
	if b.victims, err = b.node.PIDs(ctx, cluster.Postmaster); err != nil {
		return nil, err
	}
	if b.fault.Mode == cluster.Smart {
		if b.session, err = newSession(ctx, b.node); err != nil {
			return nil, err
		}
	}
	b.at, err = b.node.Signal(ctx, cluster.Postmaster, signals()[b.fault.Mode])
	return b, err
}

// Verify sees as a client that nobody new is let in, or that nobody listens any more, and reads in PostgreSQL's log which shutdown it
// took the signal for. Control: of a smart one the session from before goes on; the other nodes' ports still answer.
func (b *boundShutdown) Verify(ctx context.Context) (Evidence, error) {
	evidence := Evidence{At: b.at, Values: map[string]string{"mechanism": signals()[b.fault.Mode].String()}}
	err := try(ctx, func(ctx context.Context) (err error) {
		evidence.Effect, err = b.closed(ctx)
		return err
	})
	if err != nil {
		return Evidence{}, err
	}
	if err := try(ctx, b.said); err != nil {
		return Evidence{}, err
	}
	evidence.Control, err = othersAnswer(ctx, b.node, b.peers)
	if err == nil && b.session != nil {
		err = b.session.answers(ctx)
		b.letGo(ctx) // it would hold the server up
		evidence.Control += ", a session from before is answered"
	}
	if err != nil {
		return Evidence{}, fmt.Errorf("see the control: %w", err)
	}
	return evidence, nil
}

// closed says how a new session is turned away. One that is let in is an error, and so is one that a server refuses for another reason than its
// shutdown. A fast shutdown may last: a primary waits for a standby that it cannot reach until wal_sender_timeout.
func (b *boundShutdown) closed(ctx context.Context) (effect string, err error) {
	outcome, err := knock(ctx, b.node)
	if err != nil {
		return "", err
	}
	if outcome == "refused" {
		return "connections to " + b.node.Name() + " are refused", nil
	}
	err = served(ctx, b.node)
	var answer *pgconn.PgError
	if errors.As(err, &answer) && strings.Contains(answer.Message, "shutting down") { // SQLSTATE 57P03 is a server that starts, too
		return "a new session is refused: " + answer.Message, nil
	}
	return "", errors.Join(fmt.Errorf("a connection to %s is %s, and not turned away by a server that shuts down", b.node, outcome), err)
}

func (b *boundShutdown) letGo(ctx context.Context) {
	if b.session != nil {
		b.session.close(ctx)
		b.session = nil
	}
}

// said looks for PostgreSQL's own word in its log.
func (b *boundShutdown) said(ctx context.Context) error {
	text, err := b.node.Log(ctx, b.logged)
	if err != nil {
		return err
	}
	want := "received " + string(b.fault.Mode) + " shutdown request"
	if !strings.Contains(text, want) {
		return fmt.Errorf("the log of %s does not say %q", b.node, want)
	}
	return nil
}

// Revert does nothing, or with Restart starts PostgreSQL. A shutdown that has not ended is ended: by a fast one, or if that waits too, for a
// standby that is not reached, by an immediate one.
func (b *boundShutdown) Revert(ctx context.Context) error {
	b.letGo(ctx)
	if !b.fault.Restart {
		return nil
	}
	now, err := b.node.PIDs(ctx, cluster.Postmaster)
	if err != nil {
		return err
	}
	if slices.Equal(now, b.victims) { // and not one that a procedure has started since
		if err := b.end(ctx); err != nil {
			return err
		}
	}
	return startAgain(ctx, b.node, true)
}

// shutdownWithin is for how long a shutdown is waited for before it is ended in a harder way.
const shutdownWithin = 10 * time.Second

func (b *boundShutdown) end(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, shutdownWithin)
	defer cancel()
	if err := b.node.Stop(limited, cluster.Fast); err == nil || ctx.Err() != nil {
		return err
	}
	return b.node.Stop(ctx, cluster.Immediate)
}

// VerifyReverted asks, with Restart, whether PostgreSQL answers.
func (b *boundShutdown) VerifyReverted(ctx context.Context) (Evidence, error) {
	return startedAgain(ctx, b.node, b.fault.Restart)
}
