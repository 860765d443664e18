package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Freeze stops the processes of one kind with SIGSTOP, and Revert lets them go on with SIGCONT.
//
// It imitates a process that hangs without dying: in an uninterruptible disk access, under a debugger, starved, in a bug. Nobody is
// told, no connection breaks. A frozen postmaster accepts no client although the kernel still makes the TCP connection, while sessions
// go on; a frozen walreceiver or walsender leaves pg_stat_replication at streaming while nothing arrives; a frozen startup process
// receives WAL and does not replay it; a frozen checkpointer or archiver lets WAL pile up; frozen backends are sessions that hang. A
// process frozen while it holds a lock inside PostgreSQL stops others too, as in the real world. Time-outs end what they end: after
// wal_receiver_timeout a standby has new processes stream instead of a frozen walsender, and Verify says that the fault is over.
//
// Mechanism: the signals, sent inside the node to the processes that are there at the moment of injection. It needs nothing. It does
// not freeze what is started later, and it is not a whole node: see Pause.
//
// It heals by Revert; after the death of the tester `make heal` sends SIGCONT to every process of PostgreSQL on the node.
type Freeze struct {
	Target  Target
	Process cluster.Process // one of Freezable
}

// Freezable are the kinds of processes whose freezing can be seen from outside.
func Freezable() []cluster.Process {
	return []cluster.Process{
		cluster.Postmaster, cluster.WALReceiver, cluster.WALSender, cluster.Startup, cluster.Checkpointer, cluster.Archiver, cluster.Backend,
	}
}

// String is "freeze(walreceiver of standby)".
func (f Freeze) String() string {
	return "freeze(" + string(f.Process) + " of " + f.Target.String() + ")"
}

// Supported is always true: a signal needs nothing.
func (f Freeze) Supported(context.Context, *cluster.Cluster) error { return nil }

// Bind finds the node, the processes, and who can tell that they are frozen.
func (f Freeze) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if !slices.Contains(Freezable(), f.Process) {
		return nil, fmt.Errorf("%s: nobody could tell that a %s is frozen", f, f.Process)
	}
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	victims, err := node.PIDs(ctx, f.Process)
	if err != nil {
		return nil, fmt.Errorf("find %s on %s: %w", f.Process, node, err)
	}
	if len(victims) == 0 && f.Process != cluster.Backend { // the fault brings one of its own
		return nil, fmt.Errorf("%w: no %s on %s", ErrNoTarget, f.Process, node)
	}
	b := &frozen{fault: f, node: node, peers: r.Cluster.Peers(node), cluster: r.Cluster, victims: processSet{f.Process, node, nil}}
	if f.replicates() {
		b.primary, err = r.Cluster.Primary(ctx)
	}
	return b, err
}

// Footprint of a freeze: its victims must live. What stops replication has the link for itself, because a link that is cut hides it.
func (f Freeze) Footprint() Footprint {
	print := Footprint{Needs: []string{f.Target.String()}, Holds: []string{"processes of " + f.Target.String()}}
	if f.replicates() {
		print.Needs = []string{wordPrimary, wordStandby}
		print.Holds = append(print.Holds, bothLinks()...)
	}
	if f.Process == cluster.Postmaster {
		print.Takes = []string{f.Target.String()}
	}
	return print
}

func (f Freeze) replicates() bool {
	return slices.Contains([]cluster.Process{cluster.WALReceiver, cluster.WALSender, cluster.Startup}, f.Process)
}

// frozen is processes to freeze, and, after Inject, frozen.
type frozen struct {
	fault     Freeze
	cluster   *cluster.Cluster
	node      *cluster.Node
	peers     []*cluster.Node
	primary   *cluster.Node // of a fault that stops replication
	session   *session      // opened before the fault
	victims   processSet
	questions questions
	at, thawn time.Time
}

func (b *frozen) String() string {
	return "freeze(" + string(b.fault.Process) + " of " + b.node.Name() + ")"
}

func (b *frozen) Targets() []string { return []string{b.node.Name()} }

func (b *frozen) Undo() []intent.Action {
	return []intent.Action{{
		Kind: intent.ExecIfRunning, Node: b.node.Name(), Container: b.node.Container(), User: "postgres", Argv: []string{"/bin/sh", "-c", thawAll},
	}}
}

// Inject sees first that what is to hang does not hang already, then freezes, and asks again.
func (b *frozen) Inject(ctx context.Context) (Active, error) {
	var err error
	if b.session, err = newSession(ctx, b.node); err != nil {
		return nil, err
	}
	hanging := b.hanging()
	if err := hanging.before(ctx); err != nil {
		b.session.close(ctx)
		return nil, err
	}
	b.at, err = b.victims.stop(ctx)
	b.questions = questions{hanging.pose(ctx)}
	return b, err
}

// Verify waits in vain for the answer, sees what must go on go on, and asks the kernel for the state of every victim.
func (b *frozen) Verify(ctx context.Context) (Evidence, error) {
	if err := b.questions.unanswered(ctx); err != nil {
		return Evidence{}, fmt.Errorf("%s is not frozen: %w", b.victims, err)
	}
	states, err := b.victims.states(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if slices.ContainsFunc(states, func(state string) bool { return state != stopped }) {
		return Evidence{}, fmt.Errorf("%s is not stopped: in state %v", b.victims, states)
	}
	control, err := b.control(ctx)
	if err != nil {
		return Evidence{}, fmt.Errorf("see the control: %w", err)
	}
	return Evidence{
		At: b.at, Effect: "it hangs that " + b.questions[0].what, Control: control,
		Values: map[string]string{"mechanism": "SIGSTOP", "pids": fmt.Sprint(b.victims.pids), "states": strings.Join(states, " ")},
	}, nil
}

// Revert lets the victims go on; one that is gone needs nothing.
func (b *frozen) Revert(ctx context.Context) error {
	if dead, err := b.node.ContainerDead(ctx); err != nil || dead {
		return err
	}
	left, err := b.victims.left(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	at, err := b.node.SignalPIDs(ctx, syscall.SIGCONT, left...)
	if b.thawn.IsZero() {
		b.thawn = at
	}
	return err
}

// VerifyReverted sees the victims go on and gets its answer. Of victims that are all gone it wants nothing more.
func (b *frozen) VerifyReverted(ctx context.Context) (Evidence, error) {
	defer b.session.close(ctx)
	defer b.questions.dismiss()
	if dead, err := b.node.ContainerDead(ctx); err != nil || dead {
		return Evidence{At: b.thawn, Effect: "the container of " + b.node.Name() + " does not run"}, err
	}
	if err := b.victims.await(ctx, func(state string) bool { return state != stopped }); err != nil {
		return Evidence{}, err
	}
	for {
		look, cancel := context.WithTimeout(ctx, questionSilence)
		err := b.questions.answered(look)
		cancel()
		if err == nil {
			return Evidence{At: b.thawn, Effect: b.questions[0].what}, nil
		}
		left, asked := b.victims.left(ctx)
		if asked == nil && len(left) == 0 {
			return Evidence{At: b.thawn, Effect: "the processes are gone"}, nil
		}
		if ctx.Err() != nil {
			return Evidence{}, errors.Join(err, asked)
		}
	}
}
