package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// postgresPort is where PostgreSQL listens inside a node.
const postgresPort = "5432"

// KillFault sends SIGKILL: to the postmaster and all that hangs on it, to one kind of PostgreSQL process, or to every
// process of PostgreSQL's container. Make one with Kill, KillProcess or KillContainer.
//
// It imitates the OOM killer, a crashed or power-cycled host (without the loss of what was not synced: the page cache
// survives), an operator's kill -9. PostgreSQL restarts by itself after the death of a single child, losing every connection;
// after that of a standby's startup process it ends.
//
// It is momentary. Healing a killed postmaster is a procedure's work, so Revert does nothing to it, except that a killed
// container is started again, without PostgreSQL. With Restart, Revert starts PostgreSQL, as a supervisor would.
type KillFault struct {
	Target    Target
	Process   cluster.Process // empty: see Container
	Container bool
	Restart   bool
}

// Kill kills the postmaster and all its children.
func Kill(t Target) KillFault { return KillFault{Target: t, Process: cluster.Postmaster} }

// KillProcess kills every process of one kind.
func KillProcess(t Target, p cluster.Process) KillFault { return KillFault{Target: t, Process: p} }

// KillContainer kills PostgreSQL's container. The node's address, port and network faults stay: they are the sandbox's.
func KillContainer(t Target) KillFault { return KillFault{Target: t, Container: true} }

// String names the victim: "kill(primary)", "kill(walsender of primary)", "kill(container of primary)".
func (f KillFault) String() string { return "kill(" + f.victim() + f.Target.String() + ")" }

func (f KillFault) victim() string {
	switch {
	case f.Container:
		return "container of "
	case f.Process == cluster.Postmaster:
		return ""
	}
	return string(f.Process) + " of "
}

// Supported is always true: a signal needs nothing.
func (f KillFault) Supported(context.Context, *cluster.Cluster) error { return nil }

// Bind finds the node and sees that there is something to kill.
func (f KillFault) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	b := &boundKill{fault: f, node: node, peers: r.Cluster.Peers(node)}
	process := f.Process
	if f.Container {
		process = cluster.Postmaster
	}
	if b.before, err = node.PIDs(ctx, process); err != nil {
		return nil, fmt.Errorf("find %s on %s: %w", process, node, err)
	}
	if len(b.before) == 0 && !f.Container { // a container is worth killing also while a rewind runs in it
		return nil, fmt.Errorf("%w: no %s on %s", ErrNoTarget, process, node)
	}
	return b, nil
}

type boundKill struct {
	fault  KillFault
	node   *cluster.Node
	peers  []*cluster.Node
	before []int // the victims
	at     time.Time
}

func (b *boundKill) String() string { return "kill(" + b.fault.victim() + b.node.Name() + ")" }

func (b *boundKill) Targets() []string { return []string{b.node.Name()} }

// Undo starts a killed container. What else is dead is dead, and bringing it back is a procedure's work.
func (b *boundKill) Undo() []intent.Action {
	if !b.fault.Container {
		return nil
	}
	return []intent.Action{{Kind: intent.Start, Node: b.node.Name(), Container: b.node.Container()}}
}

func (b *boundKill) Momentary() {}

func (b *boundKill) Inject(ctx context.Context) (_ Active, err error) {
	switch {
	case b.fault.Container:
		b.at, err = b.node.KillContainer(ctx)
	case b.fault.Process == cluster.Postmaster:
		b.at, err = b.node.Kill(ctx)
	default:
		b.at, err = b.node.Signal(ctx, b.fault.Process, syscall.SIGKILL)
	}
	return b, err
}

// Verify asks others than those who did it. Of a dead postmaster or container: nobody answers at PostgreSQL's port, as the
// sandbox sees it. Of a process: the victims' PIDs are gone. Control: the other nodes' ports still answer.
func (b *boundKill) Verify(ctx context.Context) (Evidence, error) {
	evidence := Evidence{At: b.at, Values: map[string]string{"mechanism": "SIGKILL", "pids": fmt.Sprint(b.before)}}
	var err error
	if b.whole() {
		err = refused(ctx, b.node)
		evidence.Effect = "connections to " + b.node.Name() + " are refused"
		if err == nil && b.fault.Container {
			err = lifeless(ctx, b.node)
			evidence.Effect += ", no program runs in its container"
		}
	} else {
		evidence.Effect, err = b.victimsGone(ctx)
	}
	if err != nil {
		return Evidence{}, err
	}
	evidence.Control, err = othersAnswer(ctx, b.node, b.peers)
	return evidence, err
}

// whole says that nothing of PostgreSQL may be left.
func (b *boundKill) whole() bool { return b.fault.Container || b.fault.Process == cluster.Postmaster }

// refused waits until connections to PostgreSQL's port are refused.
func refused(ctx context.Context, node *cluster.Node) error {
	for {
		outcome, err := knock(ctx, node)
		if err != nil || outcome == "refused" {
			return err
		}
		if err := pause(ctx, probeAsk); err != nil {
			return fmt.Errorf("a connection to %s is still %s", node, outcome)
		}
	}
}

// lifeless asks the engine for a shell in the container: without PostgreSQL in it, its port would be refused anyway.
func lifeless(ctx context.Context, node *cluster.Node) error {
	if _, err := node.Shell(ctx, ":"); err == nil {
		return fmt.Errorf("programs still run in the container of %s", node)
	}
	return nil
}

func (b *boundKill) victimsGone(ctx context.Context) (string, error) {
	for {
		now, err := b.node.PIDs(ctx, b.fault.Process)
		if err != nil {
			return "", err
		}
		left := slices.DeleteFunc(now, func(pid int) bool { return !slices.Contains(b.before, pid) })
		if len(left) == 0 {
			return fmt.Sprintf("%s %v of %s is gone", b.fault.Process, b.before, b.node), nil
		}
		if err := pause(ctx, probeAsk); err != nil {
			return "", fmt.Errorf("%s %v of %s is still there", b.fault.Process, left, b.node)
		}
	}
}

// othersAnswer is a control: the ports of the nodes that a fault does not hit.
func othersAnswer(ctx context.Context, hit *cluster.Node, peers []*cluster.Node) (string, error) {
	var answering []string
	for _, peer := range peers {
		outcome, err := knock(ctx, peer)
		if err != nil {
			return "", err
		}
		if outcome == "connected" {
			answering = append(answering, peer.Name())
		}
	}
	if len(answering) == 0 {
		return "the sandbox of " + hit.Name() + " answers (no other node was up)", nil
	}
	return strings.Join(answering, ", ") + " accepts connections", nil
}

// knock tries a connection to a node's PostgreSQL from inside its own sandbox, which no network fault and no proxy of a
// published port can spoil.
func knock(ctx context.Context, node *cluster.Node) (outcome string, err error) {
	client := wire.NewClient(node.Agent())
	defer func() { err = errors.Join(err, client.Close()) }()
	to := net.JoinHostPort(node.Address(), postgresPort)
	timing, err := client.Do(ctx, wire.Request{Do: wire.Dial, To: to, WaitMillis: 1000})
	if err != nil {
		return "", err
	}
	return timing.Reply.Outcome, nil
}

// Revert starts a killed container, and with Restart PostgreSQL in it.
func (b *boundKill) Revert(ctx context.Context) error {
	if b.fault.Container {
		if err := b.node.StartContainer(ctx); err != nil {
			return err
		}
	}
	return startAgain(ctx, b.node, b.fault.Restart)
}

// startAgain brings PostgreSQL back, if that is wanted, as a supervisor would: it starts one that has ended, and waits for one that
// restarts itself.
func startAgain(ctx context.Context, node *cluster.Node, wanted bool) error {
	for wanted {
		running, err := node.Running(ctx)
		if err != nil {
			return err
		}
		if !running {
			return node.Start(ctx)
		}
		if _, err = node.Role(ctx); err == nil {
			return nil
		}
		if ended := pause(ctx, probeEvery); ended != nil {
			return fmt.Errorf("wait until %s answers again: %w", node, errors.Join(ended, err))
		}
	}
	return nil
}

// startedAgain asks, if it is wanted, whether PostgreSQL answers again.
func startedAgain(ctx context.Context, node *cluster.Node, wanted bool) (Evidence, error) {
	if !wanted {
		return Evidence{Effect: "nothing to revert: bringing " + node.Name() + " back is the procedure's work"}, nil
	}
	if _, err := node.Role(ctx); err != nil {
		return Evidence{}, err
	}
	return Evidence{Effect: node.Name() + " answers"}, nil
}

// VerifyReverted asks whether programs run in the container again, and with Restart whether PostgreSQL answers.
func (b *boundKill) VerifyReverted(ctx context.Context) (Evidence, error) {
	if !b.fault.Container || b.fault.Restart {
		return startedAgain(ctx, b.node, b.fault.Restart)
	}
	if _, err := b.node.Shell(ctx, "true"); err != nil {
		return Evidence{}, err
	}
	return Evidence{Effect: "the container of " + b.node.Name() + " runs again"}, nil
}
