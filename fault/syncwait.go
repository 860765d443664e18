package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// WaitFault cancels or terminates one client's backend while its commit waits for the standby. Make one with CancelWait or TerminateWait.
//
// It imitates an operator, a pool or a script that ends "hanging" statements during a stall of replication. The commit is on the primary's
// disk already and stays there: a cancelled one is answered with success and a warning (LocalOnly), a terminated one with a broken
// connection (Unknown). If the standby is promoted before it has the row, the row is lost.
//
// Mechanism: pg_cancel_backend or pg_terminate_backend. So that a commit waits for certain, the walreceivers of the standbys are stopped
// (SIGSTOP) for the moment that it takes, and go on when the victim has left the wait. It needs synchronous_standby_names. It hits one
// backend, the one that has waited longest, and no other.
//
// It is momentary. Revert has the walreceivers go on if an injection that went wrong left them stopped; so does `make heal`.
type WaitFault struct {
	Target    Target
	Terminate bool
}

// CancelWait cancels a wait.
func CancelWait(t Target) WaitFault { return WaitFault{Target: t} }

// TerminateWait terminates the backend that waits.
func TerminateWait(t Target) WaitFault { return WaitFault{Target: t, Terminate: true} }

// String is "cancel-wait(primary)" or "terminate-wait(primary)".
func (f WaitFault) String() string { return f.name() + "(" + f.Target.String() + ")" }

func (f WaitFault) name() string {
	if f.Terminate {
		return "terminate-wait"
	}
	return "cancel-wait"
}

// Supported says no where commits wait for nobody.
func (f WaitFault) Supported(ctx context.Context, c *cluster.Cluster) error {
	node, err := f.Target.one(ctx, c)
	if err != nil {
		return nil //nolint:nilerr // Bind says that there is no target
	}
	names, err := asked[string](ctx, node, `select current_setting('synchronous_standby_names')`)
	if err == nil && names == "" {
		return unsupported("commits on %s wait for no standby (synchronous_standby_names is empty)", node)
	}
	return err
}

// Footprint of a wait: it has the standbys' walreceivers for itself.
func (f WaitFault) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String(), wordStandby}, Holds: append(steadyLinks(), "processes of "+wordStandby)}
}

// Bind finds the primary and the walreceivers of its standbys.
func (f WaitFault) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, f.name(), f.Target, cluster.Primary)
	if err != nil {
		return nil, err
	}
	b := &endedWait{onNode: on, terminate: f.Terminate}
	for _, peer := range r.Cluster.Peers(on.node) {
		pids, err := peer.PIDs(ctx, cluster.WALReceiver)
		if err != nil {
			return nil, fmt.Errorf("find the walreceiver of %s: %w", peer, err)
		}
		if len(pids) > 0 {
			b.standbys = append(b.standbys, receiver{peer, pids})
		}
	}
	b.from, err = on.node.LogSize(ctx)
	return b, err
}

// receiver is a standby and its walreceiver.
type receiver struct {
	node *cluster.Node
	pids []int
}

type endedWait struct {
	onNode
	terminate bool
	standbys  []receiver
	from      int64 // in the primary's log
	victim    int
	at        time.Time
}

// Undo has the walreceivers go on.
func (b *endedWait) Undo() []intent.Action {
	var undo []intent.Action
	for _, s := range b.standbys {
		undo = append(undo, thaw(s.node, s.pids))
	}
	return undo
}

func (b *endedWait) Momentary() {}

// Inject leaves the walreceivers stopped if it goes wrong: Revert has them go on.
func (b *endedWait) Inject(ctx context.Context) (Active, error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	for _, s := range b.standbys {
		if _, err := s.node.SignalPIDs(ctx, syscall.SIGSTOP, s.pids...); err != nil {
			return b, err
		}
	}
	if err := b.find(ctx); err != nil {
		return b, err
	}
	signal := `select pg_cancel_backend($1)`
	if b.terminate {
		signal = `select pg_terminate_backend($1)`
	}
	b.at = time.Now()
	if err := b.node.SQL(ctx, signal, b.victim); err != nil {
		return b, err
	}
	return b, errors.Join(b.left(ctx), b.Revert(ctx))
}

// oldWait is how long a wait must have lasted: an acknowledgement that was on its way when the walreceivers stopped has come by then.
const oldWait = 200 * time.Millisecond

// waiting is the client's backend that has waited longest for a standby, and when its statement began, on the server's clock.
const waiting = `select pid, query_start from pg_stat_activity where wait_event = 'SyncRep' and backend_type = 'client backend'
	and query_start < clock_timestamp() - $1 * interval '1 millisecond' order by query_start limit 1`

// find waits for a client that waits for the standby and has for a while.
func (b *endedWait) find(ctx context.Context) error {
	return await(ctx, "a commit that waits for a standby", func(ctx context.Context) (string, error) {
		var began time.Time
		return "", b.node.Query(ctx, waiting, []any{oldWait.Milliseconds()}, &b.victim, &began)
	})
}

// left waits a moment for the victim to leave the wait. Whether it did is Verify's to say, and the walreceivers must go on.
func (b *endedWait) left(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := await(ctx, "the victim to leave the wait", func(ctx context.Context) (string, error) {
		said, err := b.said(ctx)
		if err == nil && !said {
			return "its log does not say so", nil
		}
		return "", err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// said says whether the log has the warning of the victim's backend: it is PostgreSQL's own word that the wait was ended, and how.
func (b *endedWait) said(ctx context.Context) (bool, error) {
	code := "01000 WARNING" // "canceling wait for synchronous replication due to user request"
	if b.terminate {
		code = "57P01 WARNING" // "canceling the wait for synchronous replication and terminating connection ..."
	}
	return logged(ctx, b.node, b.from, b.victim, code)
}

// Verify finds PostgreSQL's warning of the victim in the log, and the victim out of the wait. Control: the standbys' walreceivers are the
// same as before.
func (b *endedWait) Verify(ctx context.Context) (Evidence, error) {
	said, err := b.said(ctx)
	if err == nil && !said {
		err = fmt.Errorf("the log of %s does not say that the wait of backend %d was ended", b.node, b.victim)
	}
	if err != nil {
		return Evidence{}, err
	}
	for _, s := range b.standbys {
		now, err := s.node.PIDs(ctx, cluster.WALReceiver)
		if err != nil {
			return Evidence{}, err
		}
		if fmt.Sprint(now) != fmt.Sprint(s.pids) {
			return Evidence{}, fmt.Errorf("the fault reaches further than it should: the walreceiver of %s is %v, not %v", s.node, now, s.pids)
		}
	}
	effect := fmt.Sprintf("the commit of backend %d on %s returned without a standby", b.victim, b.node)
	if b.terminate {
		effect = fmt.Sprintf("backend %d on %s was ended while its commit waited for a standby", b.victim, b.node)
	}
	return Evidence{
		At: b.at, Effect: effect, Control: "the standbys' connections are the same as before",
		Values: map[string]string{"mechanism": b.name, "pid": fmt.Sprint(b.victim)},
	}, nil
}

// Revert has the walreceivers go on.
func (b *endedWait) Revert(ctx context.Context) error {
	var errs []error
	for _, s := range b.standbys {
		running, err := s.node.Running(ctx)
		if err == nil && running {
			_, err = s.node.Shell(ctx, thawScript, numbers(s.pids)...)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// VerifyReverted says that what was ended does not come back.
func (b *endedWait) VerifyReverted(context.Context) (Evidence, error) {
	return Evidence{Effect: "nothing to revert: a wait was ended"}, nil
}
