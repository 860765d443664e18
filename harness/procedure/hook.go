package procedure

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Point is a named place inside a procedure where a story may do something, for example break the node.
type Point string

// The points of a procedure. At each the node is the one that the step works on.
const (
	BeforePromote Point = "before-promote" // the standby is chosen, the old primary fenced
	AfterPromote  Point = "after-promote"  // the new primary is out of recovery; nothing else is done yet
	Rewind10      Point = "rewind-10"      // pg_rewind has copied 10 % of what it wants to copy
	Rewind50      Point = "rewind-50"
	Rewind90      Point = "rewind-90"
	AfterRewind   Point = "after-rewind" // pg_rewind is done; the node's own settings are not restored, it is not started
	DuringBackup  Point = "during-backup"
)

// Points are all points, in the order in which a failover reaches them.
func Points() []Point {
	return []Point{BeforePromote, AfterPromote, Rewind10, Rewind50, Rewind90, AfterRewind, DuringBackup}
}

// Hook is called by a procedure at its points and the procedure goes on when it returns; while it runs, the program that
// copies (pg_rewind, pg_basebackup) is stopped, so that the point is where it says. An error ends the procedure.
type Hook func(ctx context.Context, at Point, node *cluster.Node) error

// Hooked is a procedure that has points.
type Hooked interface {
	// WithHook is the same procedure, calling hook at its points.
	WithHook(hook Hook) Procedure
}

// at calls the hook, if there is one.
func (m Manual) at(ctx context.Context, point Point, node *cluster.Node) error {
	if m.Hook == nil {
		return nil
	}
	if err := m.Hook(ctx, point, node); err != nil {
		return fmt.Errorf("hook at %s on %s: %w", point, node, err)
	}
	return nil
}
