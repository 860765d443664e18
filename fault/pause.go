package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// PauseFault freezes every process of PostgreSQL's container. Make one with Pause.
//
// It imitates a virtual machine that is suspended, migrated live or snapshotted, a host that swaps itself to death: everything on the
// node stands still and then goes on as if no time had passed, with a clock that has. The kernel still accepts TCP connections and data,
// so nobody is told; a primary that was replaced meanwhile wakes up and believes that it is still the primary.
//
// Mechanism: the engine's pause, which is the kernel's freezer of control groups. It needs nothing. The node's network is not frozen, and
// its clock goes on. While a rewind or a base backup runs without PostgreSQL, the engine's word is all the proof there is.
//
// It heals by Revert, and after the death of the tester by `make heal`.
type PauseFault struct{ Target Target }

// Pause freezes a node.
func Pause(t Target) PauseFault { return PauseFault{t} }

// String is "pause(primary)".
func (f PauseFault) String() string { return "pause(" + f.Target.String() + ")" }

// Supported is always true: every engine can pause.
func (f PauseFault) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a pause: nothing of its target is answered or can be done in it.
func (f PauseFault) Footprint() Footprint {
	return Footprint{Takes: []string{f.Target.String()}, Holds: []string{"processes of " + f.Target.String()}}
}

// Bind finds the node.
func (f PauseFault) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	frozen, err := node.Paused(ctx)
	if err == nil && frozen {
		err = fmt.Errorf("%s is paused already: it would prove nothing", node)
	}
	return &paused{node: node, peers: r.Cluster.Peers(node)}, err
}

// paused is a node to pause, and, after Inject, paused.
type paused struct {
	node      *cluster.Node
	peers     []*cluster.Node
	session   *session // nil: PostgreSQL did not run
	questions questions
	at, thawn time.Time
}

func (b *paused) String() string { return "pause(" + b.node.Name() + ")" }

func (b *paused) Targets() []string { return []string{b.node.Name()} }

func (b *paused) Undo() []intent.Action {
	return []intent.Action{{Kind: intent.Unpause, Node: b.node.Name(), Container: b.node.Container()}}
}

// Inject sees first that PostgreSQL answers, if it runs.
func (b *paused) Inject(ctx context.Context) (Active, error) {
	running, err := b.node.Running(ctx)
	if err != nil {
		return nil, err
	}
	all, err := b.hanging(ctx, running)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	err = b.node.PauseContainer(ctx)
	b.at = sent.Add(time.Since(sent) / 2)
	for _, one := range all {
		b.questions = append(b.questions, one.pose(ctx))
	}
	return b, err
}

func (b *paused) hanging(ctx context.Context, running bool) (all []asking, err error) {
	if !running {
		return nil, nil
	}
	if b.session, err = newSession(ctx, b.node); err != nil {
		return nil, err
	}
	all = []asking{
		{b.node.Name() + " answers a new connection", func(ctx context.Context) error { return greeted(ctx, b.node) }},
		{"a session on " + b.node.Name() + " that was open before is answered", b.session.revived},
	}
	for _, one := range all {
		if err := one.before(ctx); err != nil {
			b.session.close(ctx)
			return nil, err
		}
	}
	return all, nil
}

// Verify waits in vain for answers of PostgreSQL, hears from the node's sandbox and the other nodes, and asks the engine.
func (b *paused) Verify(ctx context.Context) (Evidence, error) {
	if err := b.questions.unanswered(ctx); err != nil {
		return Evidence{}, fmt.Errorf("%s is not frozen: %w", b.node, err)
	}
	frozen, err := b.node.Paused(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if !frozen {
		return Evidence{}, fmt.Errorf("the engine says that the container of %s is not paused", b.node)
	}
	effect := "the engine says that it is paused (no PostgreSQL ran that could be asked)"
	if len(b.questions) > 0 {
		effect = "neither a new connection nor an old session is answered"
	}
	outcome, err := knock(ctx, b.node)
	if err != nil {
		return Evidence{}, fmt.Errorf("see the control: %w", err)
	}
	control, err := othersAnswer(ctx, b.node, b.peers)
	if err != nil {
		return Evidence{}, fmt.Errorf("see the control: %w", err)
	}
	return Evidence{
		At: b.at, Effect: effect, Control: "the sandbox of " + b.node.Name() + " answers (a connection is " + outcome + "), " + control,
		Values: map[string]string{"mechanism": "pause of the container"},
	}, nil
}

// Revert thaws the container; one that is not frozen, or gone, needs nothing.
func (b *paused) Revert(ctx context.Context) error {
	sent := time.Now()
	err := b.node.UnpauseContainer(ctx)
	if b.thawn.IsZero() {
		b.thawn = sent.Add(time.Since(sent) / 2)
	}
	return err
}

// VerifyReverted gets its answers, unless the node has died meanwhile.
func (b *paused) VerifyReverted(ctx context.Context) (Evidence, error) {
	defer b.close(ctx)
	frozen, err := b.node.Paused(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if frozen {
		return Evidence{}, fmt.Errorf("the container of %s is still paused", b.node)
	}
	for len(b.questions) > 0 {
		look, cancel := context.WithTimeout(ctx, questionSilence)
		err := b.questions.answered(look)
		cancel()
		if err == nil {
			return Evidence{At: b.thawn, Effect: b.node.Name() + " answers"}, nil
		}
		running, asked := b.node.Running(ctx)
		if asked == nil && !running {
			break
		}
		if ctx.Err() != nil {
			return Evidence{}, errors.Join(err, asked)
		}
	}
	return Evidence{At: b.thawn, Effect: "the container of " + b.node.Name() + " is not paused; no PostgreSQL runs in it"}, nil
}

func (b *paused) close(ctx context.Context) {
	b.questions.dismiss()
	if b.session != nil {
		b.session.close(ctx)
	}
}
