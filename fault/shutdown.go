package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

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
// It is momentary: bringing PostgreSQL back is a procedure's work, and Revert does nothing. With Restart, Revert ends a smart shutdown
// that still waits by a fast one, and starts PostgreSQL.
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
	var control string
	var err error
	if b.fault.Mode == cluster.Smart {
		evidence.Effect, control, err = b.closed(ctx)
	} else {
		evidence.Effect = "connections to " + b.node.Name() + " are refused"
		err = refused(ctx, b.node)
	}
	if err != nil {
		return Evidence{}, err
	}
	if err := try(ctx, b.said); err != nil {
		return Evidence{}, err
	}
	evidence.Control, err = othersAnswer(ctx, b.node, b.peers)
	evidence.Control = control + evidence.Control
	return evidence, err
}

// shuttingDown is cannot_connect_now (documentation, "PostgreSQL Error Codes").
const shuttingDown = "57P03"

// closed waits until a new session is refused while the old one, if it is still held, goes on. After it the session is let go.
func (b *boundShutdown) closed(ctx context.Context) (effect, control string, err error) {
	err = try(ctx, func(ctx context.Context) error {
		err := served(ctx, b.node)
		if answered(err) == shuttingDown {
			return nil
		}
		return errors.Join(errors.New("a new session is not refused as by a server that shuts down"), err)
	})
	if err != nil || b.session == nil {
		return "", "", err
	}
	if err := b.session.answers(ctx); err != nil {
		return "", "", fmt.Errorf("see the control: %w", err)
	}
	b.session.close(ctx)
	b.session = nil
	return "a new session is refused with SQLSTATE " + shuttingDown, "a session from before is answered, ", nil
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

// Revert does nothing, or with Restart starts PostgreSQL.
func (b *boundShutdown) Revert(ctx context.Context) error {
	if b.session != nil {
		b.session.close(ctx)
		b.session = nil
	}
	if b.fault.Restart && b.fault.Mode == cluster.Smart {
		if err := b.node.Stop(ctx, cluster.Fast); err != nil {
			return err
		}
	}
	return startAgain(ctx, b.node, b.fault.Restart)
}

// VerifyReverted asks, with Restart, whether PostgreSQL answers.
func (b *boundShutdown) VerifyReverted(ctx context.Context) (Evidence, error) {
	return startedAgain(ctx, b.node, b.fault.Restart)
}
