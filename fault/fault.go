// Package fault breaks nodes, proves that it did, and takes it back.
package fault

import (
	"context"
	"errors"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// ErrUnsupported is returned (wrapped, with the reason) where this machine or image cannot do a fault.
// A story that needs it is skipped and the report says why; it never passes silently.
var ErrUnsupported = errors.New("unsupported here")

// Fault is a value bound to targets by role or node. Nothing happens until it is injected.
type Fault interface {
	// String is how reports name it: "cut(pg1 -> pg2)".
	String() string
	// Supported probes kernel, capability and image.
	Supported(ctx context.Context, c *cluster.Cluster) error
	// Inject resolves the targets and returns when the fault is in effect as far as the mechanism says.
	Inject(ctx context.Context, c *cluster.Cluster) (Active, error)
}

// Active is a fault in effect: its proof and its undoing.
type Active interface {
	// Verify sees the effect from outside, a control that must not have changed, and the mechanism's own counter.
	Verify(ctx context.Context) (Evidence, error)
	// Revert is absolute and idempotent; a target that is gone is success.
	Revert(ctx context.Context) error
	// VerifyReverted sees from outside that the effect is gone.
	VerifyReverted(ctx context.Context) (Evidence, error)
}

// Evidence is what a verification saw, for the report.
type Evidence struct {
	At      time.Time         // when the effect began, if the mechanism can say so; else zero
	Effect  string            // seen from outside
	Control string            // what had to stay as it was, and did
	Values  map[string]string // counters, mechanism
}
