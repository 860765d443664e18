package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// playing is a composition in effect: a runner of its own for its parts, and what still goes on by itself. Each part is
// journalled, verified, recorded and reverted as any fault is.
type playing struct {
	name   string
	runner *Runner
	stop   context.CancelFunc
	done   chan struct{} // what goes on by itself is over

	mu    sync.Mutex
	steps []string // what has happened
	want  int      // how many steps must have happened at the end
	err   error    // what went wrong on the way
}

// play starts a composition: first runs before it returns, and then, if it did not fail, rest goes on by itself.
func play(ctx context.Context, r *Runner, name string, first, rest func(ctx context.Context, p *playing) error) (*playing, error) {
	p := &playing{name: name, runner: r.child(), done: make(chan struct{})}
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	if first != nil {
		if err := first(ctx, p); err != nil {
			close(p.done)
			return p, err
		}
	}
	go func() {
		defer close(p.done)
		if rest == nil {
			return
		}
		p.fail(rest(ctx, p))
	}()
	return p, nil
}

// fail keeps what went wrong. That the waiting was stopped by a revert is no error; what had not happened by then is.
func (p *playing) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && !errors.Is(err, context.Canceled) {
		p.err = errors.Join(p.err, err)
	}
}

func (p *playing) happened(step string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(p.steps, step)
}

// Done is closed when nothing more will happen by itself.
func (p *playing) Done() <-chan struct{} { return p.done }

// Verify looks at what has happened so far, and verifies the parts that are in effect now.
func (p *playing) Verify(ctx context.Context) (Evidence, error) {
	p.mu.Lock()
	err, steps := p.err, strings.Join(p.steps, "; ")
	p.mu.Unlock()
	if err != nil {
		return Evidence{}, err
	}
	evidence := Evidence{Effect: steps, Control: "each part has its own", Values: map[string]string{"mechanism": "composition"}}
	if active := p.runner.Active(); len(active) > 0 {
		evidence.At = active[0].Began()
	}
	return evidence, nil
}

// complete says whether everything happened that should; a composition that was reverted too early proves nothing.
func (p *playing) complete() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.steps) < p.want {
		return fmt.Errorf("only %d of %d steps of %s happened before it was reverted: %s", len(p.steps), p.want, p.name, strings.Join(p.steps, "; "))
	}
	return nil
}

// Revert stops what goes on and heals what is in effect.
func (p *playing) Revert(ctx context.Context) error {
	p.stop()
	select {
	case <-p.done:
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", p.name, ctx.Err())
	}
	return p.runner.Heal(ctx)
}

// VerifyReverted is an error if a part could not be taken back, or did not happen.
func (p *playing) VerifyReverted(context.Context) (Evidence, error) {
	if p.runner.Dirty() {
		return Evidence{}, fmt.Errorf("a part of %s could not be taken back", p.name)
	}
	return Evidence{Effect: "every part was taken back"}, nil
}

// composition is the Bound of every composition: its parts are bound when their time comes.
type composition struct {
	fault  fmt.Stringer
	inject func(ctx context.Context) (*playing, error)
}

func (b composition) String() string { return b.fault.String() }

// Targets are those of the parts, which their own spans name.
func (b composition) Targets() []string { return nil }

// Undo is that of the parts, which journal it themselves.
func (b composition) Undo() []intent.Action { return nil }

func (b composition) Inject(ctx context.Context) (Active, error) {
	p, err := b.inject(ctx)
	if p == nil {
		return nil, err
	}
	return p, err
}

// allSupported asks every part.
func allSupported(ctx context.Context, c *cluster.Cluster, faults []Fault) error {
	for _, f := range faults {
		if err := f.Supported(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

func joinFaults(faults []Fault, between string) string {
	words := make([]string, len(faults))
	for i, f := range faults {
		words[i] = f.String()
	}
	return strings.Join(words, between)
}
