package fault

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// StopContainer stops PostgreSQL's container in the orderly way: the postmaster gets SIGINT, the stop signal of PostgreSQL's images,
// and what has not ended within Grace is killed with the container.
//
// It imitates docker stop, the eviction or rolling update of a pod, a host that shuts down. With enough grace it is a clean shutdown,
// with too little a crash: the evidence says which, and the revert reads it in pg_control.
//
// Mechanism: the signal and the engine's stop. It needs nothing. The node's address, port and network faults stay: they are the sandbox's.
//
// It is momentary. Revert starts the container without PostgreSQL, and with Restart PostgreSQL in it; after the death of the tester
// `make heal` starts the container.
type StopContainer struct {
	Target  Target
	Grace   time.Duration // 0: none
	Restart bool
}

// String is "stop(container of primary, grace 10s)".
func (f StopContainer) String() string {
	return fmt.Sprintf("stop(container of %s, grace %s)", f.Target, f.Grace)
}

// Supported is always true: every engine can stop.
func (f StopContainer) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a stop is that of a kill.
func (f StopContainer) Footprint() Footprint { return KillContainer(f.Target).Footprint() }

// Bind finds the node.
func (f StopContainer) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	return &boundStop{fault: f, node: node, peers: r.Cluster.Peers(node)}, nil
}

type boundStop struct {
	fault StopContainer
	node  *cluster.Node
	peers []*cluster.Node
	at    time.Time
	clean bool   // PostgreSQL ran, and ended within the grace
	state string // that pg_control had afterwards
}

func (b *boundStop) String() string {
	return fmt.Sprintf("stop(container of %s, grace %s)", b.node, b.fault.Grace)
}

func (b *boundStop) Targets() []string { return []string{b.node.Name()} }

func (b *boundStop) Undo() []intent.Action {
	return []intent.Action{{Kind: intent.Start, Node: b.node.Name(), Container: b.node.Container()}}
}

func (b *boundStop) Momentary() {}

func (b *boundStop) Inject(ctx context.Context) (Active, error) {
	running, err := b.node.Running(ctx)
	if err != nil {
		return nil, err
	}
	b.at = time.Now()
	if running && b.fault.Grace > 0 {
		if b.at, err = b.node.Signal(ctx, cluster.Postmaster, syscall.SIGINT); err != nil {
			return b, err
		}
		if b.clean, err = b.ends(ctx); err != nil {
			return b, err
		}
	}
	return b, b.node.StopContainer(ctx, 0)
}

// ends says whether PostgreSQL ends within the grace.
func (b *boundStop) ends(ctx context.Context) (bool, error) {
	for deadline := time.Now().Add(b.fault.Grace); time.Now().Before(deadline); {
		running, err := b.node.Running(ctx)
		if err != nil || !running {
			return err == nil, err
		}
		if err := pause(ctx, probeAsk); err != nil {
			return false, err
		}
	}
	return false, nil
}

// Verify sees that nobody listens at PostgreSQL's port and that no program runs in the container. Control: the other nodes' ports still answer.
func (b *boundStop) Verify(ctx context.Context) (Evidence, error) {
	if err := refused(ctx, b.node); err != nil {
		return Evidence{}, err
	}
	if err := lifeless(ctx, b.node); err != nil {
		return Evidence{}, err
	}
	control, err := othersAnswer(ctx, b.node, b.peers)
	return Evidence{
		At: b.at, Effect: "connections to " + b.node.Name() + " are refused, no program runs in its container", Control: control,
		Values: map[string]string{"mechanism": "SIGINT, then stop of the container", "ended within the grace": fmt.Sprint(b.clean)},
	}, err
}

// Revert starts the container, reads how PostgreSQL had ended, and with Restart starts it.
func (b *boundStop) Revert(ctx context.Context) error {
	if err := b.node.StartContainer(ctx); err != nil {
		return err
	}
	running, err := b.node.Running(ctx)
	if err != nil || running {
		return err // a procedure has brought it back
	}
	data, err := b.node.ControlData(ctx)
	if err != nil {
		return err
	}
	b.state = data.State
	return startAgain(ctx, b.node, b.fault.Restart)
}

// VerifyReverted asks whether programs run in the container again, and with Restart whether PostgreSQL answers. What pg_control said has
// to fit what was seen: a shutdown that was waited for is a clean one.
func (b *boundStop) VerifyReverted(ctx context.Context) (Evidence, error) {
	if b.clean && b.state != "" && !strings.HasPrefix(b.state, "shut down") {
		return Evidence{}, fmt.Errorf("%s ended within the grace, and yet pg_control says %q", b.node, b.state)
	}
	if _, err := b.node.Shell(ctx, ":"); err != nil {
		return Evidence{}, err
	}
	evidence, err := startedAgain(ctx, b.node, b.fault.Restart)
	evidence.Effect = "the container of " + b.node.Name() + " runs again, " + evidence.Effect
	evidence.Values = map[string]string{"state after the stop": b.state}
	return evidence, err
}
