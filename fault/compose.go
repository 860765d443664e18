package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Sequence injects its faults one after the other. A part that ends by itself (For, Until, Sequence) is waited for; any
// other stays in effect until the whole is reverted. A part's roles are resolved when its turn comes. Reverted before its
// last part was injected it is an error: what did not happen proves nothing.
type Sequence struct{ Faults []Fault }

// String lists the parts.
func (f Sequence) String() string { return "sequence(" + joinFaults(f.Faults, ", then ") + ")" }

// Supported asks every part.
func (f Sequence) Supported(ctx context.Context, c *cluster.Cluster) error {
	return allSupported(ctx, c, f.Faults)
}

// Bind resolves nothing yet.
func (f Sequence) Bind(_ context.Context, r *Runner) (Bound, error) {
	if len(f.Faults) == 0 {
		return nil, fmt.Errorf("%w: a sequence of nothing", ErrNoTarget)
	}
	return composition{f, func(ctx context.Context) (*playing, error) {
		var last *Injected
		step := func(ctx context.Context, p *playing, part Fault) (err error) {
			last, err = p.part(ctx, part)
			return err
		}
		first := func(ctx context.Context, p *playing) error {
			p.want = len(f.Faults)
			return step(ctx, p, f.Faults[0])
		}
		return play(ctx, r, f.String(), first, func(ctx context.Context, p *playing) error {
			for _, part := range f.Faults[1:] {
				if err := last.over(ctx); err != nil {
					return err
				}
				if err := step(ctx, p, part); err != nil {
					return err
				}
			}
			return last.over(ctx)
		})
	}}, nil
}

// part injects a part and notes it.
func (p *playing) part(ctx context.Context, f Fault) (*Injected, error) {
	in, err := p.runner.Inject(ctx, f)
	if err == nil {
		p.happened(in.Bound.String())
	}
	return in, err
}

// over waits for the end of a fault that ends by itself, and says how it went; any other is not waited for.
func (in *Injected) over(ctx context.Context) error {
	finisher, ok := in.Active.(Finisher)
	if !ok {
		return nil
	}
	select {
	case <-finisher.Done():
		_, err := in.Active.Verify(ctx)
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Parallel injects its faults at the same time. All roles are resolved before anything is injected, so killing the primary
// and cutting it off can be done together.
type Parallel struct{ Faults []Fault }

// String lists the parts.
func (f Parallel) String() string { return "parallel(" + joinFaults(f.Faults, " and ") + ")" }

// Supported asks every part.
func (f Parallel) Supported(ctx context.Context, c *cluster.Cluster) error {
	return allSupported(ctx, c, f.Faults)
}

// Bind sees that there are parts; they are bound when they are injected, all before the first of them.
func (f Parallel) Bind(_ context.Context, r *Runner) (Bound, error) {
	if len(f.Faults) == 0 {
		return nil, fmt.Errorf("%w: nothing in parallel", ErrNoTarget)
	}
	return composition{f, func(ctx context.Context) (*playing, error) {
		return play(ctx, r, f.String(), func(ctx context.Context, p *playing) error {
			p.want = len(f.Faults)
			return p.together(ctx, f.Faults)
		}, func(ctx context.Context, p *playing) error {
			var errs []error
			for _, in := range p.runner.Active() {
				errs = append(errs, in.over(ctx))
			}
			return errors.Join(errs...)
		})
	}}, nil
}

func (p *playing) together(ctx context.Context, faults []Fault) error {
	bounds := make([]Bound, len(faults))
	for i, f := range faults {
		var err error
		if bounds[i], err = p.runner.bind(ctx, f); err != nil {
			return err
		}
	}
	outcomes := make(chan error, len(bounds))
	for _, bound := range bounds {
		go func() {
			_, err := p.runner.start(ctx, bound)
			if err == nil {
				p.happened(bound.String())
			}
			outcomes <- err
		}()
	}
	var errs []error
	for range bounds {
		errs = append(errs, <-outcomes)
	}
	return errors.Join(errs...)
}

// For holds a fault for a time and then reverts it by itself.
type For struct {
	Duration time.Duration
	Fault    Fault
}

// String says what and how long.
func (f For) String() string { return fmt.Sprintf("%s for %s", f.Fault, f.Duration) }

// Supported asks the part.
func (f For) Supported(ctx context.Context, c *cluster.Cluster) error {
	return f.Fault.Supported(ctx, c)
}

// Bind sees that the time is one.
func (f For) Bind(_ context.Context, r *Runner) (Bound, error) {
	if f.Duration <= 0 {
		return nil, fmt.Errorf("for %s: want a time above 0", f.Duration)
	}
	return hold(r, f, f.Fault, func(ctx context.Context) error { return pause(ctx, f.Duration) }), nil
}

// Until holds a fault until a condition is true and then reverts it by itself. The condition is asked every Every; one that
// is not true within Within is an error.
type Until struct {
	Fault     Fault
	Name      string // of the condition, for reports
	Condition func(ctx context.Context) (bool, error)
	Every     time.Duration // 0: 20 ms
	Within    time.Duration // 0: 1 min
}

// String says what and until when.
func (f Until) String() string { return fmt.Sprintf("%s until %s", f.Fault, f.Name) }

// Supported asks the part.
func (f Until) Supported(ctx context.Context, c *cluster.Cluster) error {
	return f.Fault.Supported(ctx, c)
}

// Bind sees that there is a condition.
func (f Until) Bind(_ context.Context, r *Runner) (Bound, error) {
	if f.Condition == nil {
		return nil, errors.New("until: no condition")
	}
	if f.Every <= 0 {
		f.Every = 20 * time.Millisecond
	}
	if f.Within <= 0 {
		f.Within = time.Minute
	}
	return hold(r, f, f.Fault, f.wait), nil
}

func (f Until) wait(ctx context.Context) error {
	deadline := time.Now().Add(f.Within)
	for {
		met, err := f.Condition(ctx)
		if err != nil || met {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not come true within %s", f.Name, f.Within)
		}
		if err := pause(ctx, f.Every); err != nil {
			return err
		}
	}
}

// hold injects a part, waits, and heals it whatever the waiting came to.
func hold(r *Runner, whole fmt.Stringer, part Fault, wait func(ctx context.Context) error) Bound {
	return composition{whole, func(ctx context.Context) (*playing, error) {
		var held *Injected
		return play(ctx, r, whole.String(), func(ctx context.Context, p *playing) (err error) {
			p.want = 1
			held, err = p.part(ctx, part)
			return err
		}, func(ctx context.Context, _ *playing) error {
			err := wait(ctx)
			if ctx.Err() != nil {
				return ctx.Err() // who stopped the waiting heals
			}
			return errors.Join(err, held.Heal(ctx))
		})
	}}
}

// After injects a fault some time after it was itself injected. Roles are resolved then.
type After struct {
	Delay time.Duration
	Fault Fault
}

// String says what and when.
func (f After) String() string { return fmt.Sprintf("%s after %s", f.Fault, f.Delay) }

// Supported asks the part.
func (f After) Supported(ctx context.Context, c *cluster.Cluster) error {
	return f.Fault.Supported(ctx, c)
}

// Bind resolves nothing yet.
func (f After) Bind(_ context.Context, r *Runner) (Bound, error) {
	return composition{f, func(ctx context.Context) (*playing, error) {
		return play(ctx, r, f.String(), func(_ context.Context, p *playing) error {
			p.want = 1
			return nil
		}, func(ctx context.Context, p *playing) error {
			if err := pause(ctx, f.Delay); err != nil {
				return err
			}
			in, err := p.part(ctx, f.Fault)
			if err != nil {
				return err
			}
			return in.over(ctx)
		})
	}}, nil
}

// At injects a fault when the procedure is at a named point, and lets the procedure go on when the fault is in effect.
type At struct {
	Point Point
	Fault Fault
}

// String says what and where.
func (f At) String() string { return fmt.Sprintf("%s at %s", f.Fault, f.Point) }

// Supported asks the part.
func (f At) Supported(ctx context.Context, c *cluster.Cluster) error {
	return f.Fault.Supported(ctx, c)
}

// Bind refuses a point that no procedure has.
func (f At) Bind(_ context.Context, r *Runner) (Bound, error) {
	if _, err := ParsePoint(string(f.Point)); err != nil {
		return nil, err
	}
	return composition{f, func(ctx context.Context) (*playing, error) {
		var reached <-chan chan error
		return play(ctx, r, f.String(), func(_ context.Context, p *playing) error {
			p.want = 1
			reached = r.points.wait(f.Point)
			return nil
		}, func(ctx context.Context, p *playing) error {
			select {
			case <-ctx.Done():
				r.points.leave(f.Point, reached, ctx.Err())
				return ctx.Err()
			case injected := <-reached:
				in, err := p.part(ctx, f.Fault)
				p.fail(err) // before the procedure goes on
				injected <- err
				if err != nil {
					return nil
				}
				return in.over(ctx)
			}
		})
	}}, nil
}
