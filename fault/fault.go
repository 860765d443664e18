// Package fault breaks nodes, proves that it did, and takes it back.
//
// A Fault is a value bound to targets by role or by node; nothing happens until a Runner injects it. The runner asks
// PostgreSQL who the targets are, writes the intent to disk, injects, verifies that the fault bites (seen from outside, with
// a control that must not have changed and the mechanism's own counter), lets the story go on, verifies again, reverts in
// reverse order whatever happened, and verifies that all is as it was:
//
//	runner, err := fault.NewRunner(c)
//	...
//	defer func() { err = errors.Join(err, runner.Close(ctx)) }()
//	if _, err := runner.Inject(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()}); err != nil { ... }
//	... // what happens while the link is cut
//	if err := runner.Heal(ctx); err != nil { ... }
//
// A fault without effect is an error (*NoEffectError), and so is one that could not be taken back (*RevertError).
// If the tester dies, the kernel's leases end network faults, the next `make heal` reverts what the journal names, and
// removing the containers ends the rest.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// ErrUnsupported is returned (wrapped, with the reason) where this machine or image cannot do a fault.
// A story that needs it is skipped and the report says why; it never passes silently.
var ErrUnsupported = errors.New("unsupported here")

// ErrNoTarget is returned (wrapped) when a fault's target cannot be found: no node has the role, or there is no such process.
var ErrNoTarget = errors.New("no target")

// Fault is a value bound to targets by role or node. Nothing happens until it is injected.
type Fault interface {
	// String is how plans and reports name it, with its targets as they were given: "cut(primary <-> standby)".
	String() string
	// Supported probes kernel, capability and image, and changes nothing.
	Supported(ctx context.Context, c *cluster.Cluster) error
	// Bind resolves the targets by asking PostgreSQL, and changes nothing. No target is ErrNoTarget.
	Bind(ctx context.Context, r *Runner) (Bound, error)
}

// Bound is a fault whose targets are known and which is not yet in effect.
type Bound interface {
	// String is how reports name it, with the names of nodes: "cut(pg1 <-> pg2)".
	String() string
	// Targets are the names of the nodes that are hit.
	Targets() []string
	// Undo is what reverts it if this process dies, as plain data. It is on disk before Inject is called.
	Undo() []intent.Action
	// Inject returns when the fault is in effect as far as the mechanism says. If it returns an error although something
	// may have been done, it also returns an Active to revert it.
	Inject(ctx context.Context) (Active, error)
}

// Active is a fault in effect: its proof and its undoing.
type Active interface {
	// Verify sees the effect from outside, a control that must not have changed, and the mechanism's own counter.
	// Evidence.At is when the effect began.
	Verify(ctx context.Context) (Evidence, error)
	// Revert is absolute and idempotent; a target that is gone is success.
	Revert(ctx context.Context) error
	// VerifyReverted sees from outside that the effect is gone. Evidence.At is when it ended.
	VerifyReverted(ctx context.Context) (Evidence, error)
}

// Momentary is what a fault's Active also implements if it happens and is over: a kill. It is not verified again at the
// end, because by then a procedure may have brought its target back.
type Momentary interface{ Momentary() }

// Finisher is what a fault's Active also implements if it ends by itself: For, Until, Sequence.
type Finisher interface{ Done() <-chan struct{} }

// Evidence is what a verification saw, for the report.
type Evidence struct {
	At      time.Time         // when the effect began (or ended), if the mechanism can say so; else zero
	Effect  string            // seen from outside
	Control string            // what had to stay as it was, and did
	Values  map[string]string // counters, mechanism
}

// NoEffectError says that a fault did not bite, at its beginning or at its end: the run proves nothing.
type NoEffectError struct {
	Fault string
	When  string // "after injection" or "before revert"
	Err   error  // what was seen instead
}

func (e *NoEffectError) Error() string {
	return fmt.Sprintf("fault %s has no effect %s: %v", e.Fault, e.When, e.Err)
}

// Unwrap is what was seen.
func (e *NoEffectError) Unwrap() error { return e.Err }

// RevertError says that a fault could not be taken back, or that its effect is still there: the pair must not be used again.
type RevertError struct {
	Fault string
	Err   error
}

func (e *RevertError) Error() string { return fmt.Sprintf("revert fault %s: %v", e.Fault, e.Err) }

// Unwrap is what went wrong.
func (e *RevertError) Unwrap() error { return e.Err }

// unsupported wraps a reason.
func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// values are evidence as a span keeps it.
func (e Evidence) values() map[string]string {
	values := map[string]string{}
	for name, value := range e.Values {
		values[name] = value
	}
	if e.Effect != "" {
		values["effect"] = e.Effect
	}
	if e.Control != "" {
		values["control"] = e.Control
	}
	return values
}

func list(names []string) string { return strings.Join(names, ",") }

// Mechanised is what a fault also implements if it has more than one mechanism and chooses what the machine has.
type Mechanised interface {
	Mechanism(ctx context.Context, c *cluster.Cluster) string
}
