package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Times a runner uses if it is not told others.
const (
	// DefaultLease is how long a network fault outlives a dead tester.
	DefaultLease = 10 * time.Second
	// DefaultRevertWithin bounds the revert of one fault and its verification.
	DefaultRevertWithin = time.Minute
	// DefaultVerifyWithin bounds one verification that a fault bites.
	DefaultVerifyWithin = 20 * time.Second
)

// Runner injects faults into one cluster and takes them back. Its methods may be called from many goroutines.
type Runner struct {
	Cluster      *cluster.Cluster
	Recorder     *history.Recorder
	Lease        time.Duration // of network faults, renewed while they are meant to be in effect
	RevertWithin time.Duration // for each fault
	VerifyWithin time.Duration
	Log          func(string) // nil: silence

	journal *intent.Journal
	mu      sync.Mutex
	active  []*Injected // oldest first
	dirty   bool
	points  *points
	hits    *hits
}

// NewRunner makes a runner for a cluster with the default times and opens its journal. Close it.
func NewRunner(c *cluster.Cluster) (*Runner, error) {
	journal, err := intent.Open(intent.Dir())
	if err != nil {
		return nil, err
	}
	return &Runner{
		Cluster: c, Recorder: c.Recorder(), Lease: DefaultLease, RevertWithin: DefaultRevertWithin,
		VerifyWithin: DefaultVerifyWithin, journal: journal, points: newPoints(), hits: newHits(),
	}, nil
}

// child is a runner for the parts of a composition: the same cluster, record and journal, faults of its own.
func (r *Runner) child() *Runner {
	return &Runner{
		Cluster: r.Cluster, Recorder: r.Recorder, Lease: r.Lease, RevertWithin: r.RevertWithin,
		VerifyWithin: r.VerifyWithin, Log: r.Log, journal: r.journal, points: r.points, hits: r.hits,
	}
}

// Injected is a fault that was injected and verified, until it is healed.
type Injected struct {
	Bound    Bound
	Active   Active
	Evidence Evidence // of the verification after injection

	runner *Runner
	asked  time.Time // when it was asked for: the effect did not begin before
	began  time.Time // when the effect began
	healed time.Time // when it ended
	entry  int       // in the journal
	once   sync.Once
	err    error
}

// Began is when the effect began, on this process's clock.
func (in *Injected) Began() time.Time { return in.began }

// Healed is when the effect ended; zero before that.
func (in *Injected) Healed() time.Time { return in.healed }

// Inject binds, journals, injects and verifies a fault. If it does not bite it is taken back at once and the error is a
// *NoEffectError; where it cannot be done the error is ErrUnsupported. What it returns is healed by Heal of either.
func (r *Runner) Inject(ctx context.Context, f Fault) (*Injected, error) {
	bound, err := r.bind(ctx, f)
	if err != nil {
		return nil, err
	}
	return r.start(ctx, bound)
}

// bind asks for support and resolves targets; nothing has changed after it.
func (r *Runner) bind(ctx context.Context, f Fault) (Bound, error) {
	if err := f.Supported(ctx, r.Cluster); err != nil {
		return nil, fmt.Errorf("fault %s: %w", f, err)
	}
	bound, err := f.Bind(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("fault %s: %w", f, err)
	}
	return bound, nil
}

// start journals, injects and verifies.
func (r *Runner) start(ctx context.Context, bound Bound) (*Injected, error) {
	entry, err := r.journal.Begin(bound.String(), bound.Undo())
	if err != nil {
		return nil, err
	}
	in := &Injected{Bound: bound, runner: r, entry: entry}
	if err := in.inject(ctx); err != nil {
		return nil, errors.Join(err, in.abandon(ctx, err))
	}
	r.mu.Lock()
	r.active = append(r.active, in)
	r.mu.Unlock()
	in.recordBegin()
	r.log("in effect: " + bound.String())
	return in, nil
}

func (in *Injected) inject(ctx context.Context) (err error) {
	in.asked = time.Now()
	in.Active, err = in.Bound.Inject(ctx)
	in.began = time.Now()
	if err != nil {
		return fmt.Errorf("inject fault %s: %w", in.Bound, err)
	}
	ctx, cancel := context.WithTimeout(ctx, in.runner.VerifyWithin)
	defer cancel()
	in.Evidence, err = in.Active.Verify(ctx)
	if err != nil {
		return &NoEffectError{Fault: in.Bound.String(), When: "after injection", Err: err}
	}
	if !in.Evidence.At.IsZero() {
		in.began = in.Evidence.At
	}
	return nil
}

// abandon takes back a fault whose injection went wrong. The story hears of it in any case.
func (in *Injected) abandon(ctx context.Context, why error) error {
	if in.Active == nil {
		return in.runner.journal.Done(in.entry)
	}
	asked := time.Now()
	evidence, err := in.takeBack(ctx)
	in.recordEnd(asked, evidence, errors.Join(why, err))
	return err
}

// Heal verifies the fault once more, reverts it and verifies that it is gone. It does so once; a later call returns the same.
// The end of ctx does not stop it: each revert has its own deadline.
func (in *Injected) Heal(ctx context.Context) error {
	in.once.Do(func() {
		in.err = in.heal(ctx)
		in.runner.forget(in)
	})
	return in.err
}

func (in *Injected) heal(ctx context.Context) error {
	last := in.verifyAgain(ctx)
	asked := time.Now()
	evidence, err := in.takeBack(ctx)
	in.recordEnd(asked, evidence, errors.Join(last, err))
	in.runner.log("reverted: " + in.Bound.String())
	return errors.Join(last, err)
}

func (in *Injected) verifyAgain(ctx context.Context) error {
	if _, over := in.Active.(Momentary); over {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.runner.VerifyWithin)
	defer cancel()
	evidence, err := in.Active.Verify(ctx)
	if whole, ok := in.Active.(*playing); ok && err == nil {
		err = whole.complete()
	}
	if err != nil {
		return &NoEffectError{Fault: in.Bound.String(), When: "before revert", Err: err}
	}
	for name, value := range evidence.values() {
		if in.Evidence.Values == nil {
			in.Evidence.Values = map[string]string{}
		}
		in.Evidence.Values["last "+name] = value
	}
	return nil
}

// takeBack reverts and sees that the effect is gone; on any error the runner is dirty.
func (in *Injected) takeBack(ctx context.Context) (Evidence, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.runner.RevertWithin)
	defer cancel()
	err := in.Active.Revert(ctx)
	var evidence Evidence
	if err == nil {
		evidence, err = in.Active.VerifyReverted(ctx)
	}
	if err != nil {
		in.runner.soil()
		return evidence, &RevertError{Fault: in.Bound.String(), Err: err}
	}
	return evidence, in.runner.journal.Done(in.entry)
}

// Heal heals every fault that is in effect, newest first. All are tried; the errors are joined.
func (r *Runner) Heal(ctx context.Context) error {
	var errs []error
	for {
		r.mu.Lock()
		var last *Injected
		if len(r.active) > 0 {
			last = r.active[len(r.active)-1]
		}
		r.mu.Unlock()
		if last == nil {
			return errors.Join(errs...)
		}
		errs = append(errs, last.Heal(ctx))
	}
}

// Run injects a fault, runs body while it is in effect, and heals it, whatever body did; a panic of body goes on after that.
func (r *Runner) Run(ctx context.Context, f Fault, body func(ctx context.Context) error) (err error) {
	in, err := r.Inject(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Heal(ctx)) }()
	return body(ctx)
}

// Active are the faults in effect, oldest first.
func (r *Runner) Active() []*Injected {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*Injected(nil), r.active...)
}

// Dirty says that a revert went wrong: the cluster must not be used again.
func (r *Runner) Dirty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dirty
}

// Close heals what is still in effect and closes the journal.
func (r *Runner) Close(ctx context.Context) error {
	return errors.Join(r.Heal(ctx), r.journal.Close())
}

func (r *Runner) soil() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirty = true
}

func (r *Runner) forget(gone *Injected) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, in := range r.active {
		if in == gone {
			r.active = append(r.active[:i:i], r.active[i+1:]...)
			return
		}
	}
}

func (r *Runner) log(text string) {
	if r.Log != nil {
		r.Log(text)
	}
}
