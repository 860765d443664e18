// Package procedure is how the primary role moves and how a node comes back.
package procedure

import (
	"context"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Procedure is an HA procedure under rehearsal. Each step returns when it is done, not when it was asked for,
// and records its spans (history.SpanPromote, ...) in the cluster's recorder.
type Procedure interface {
	Name() string
	// Failover moves the primary role to a standby after the primary has gone wrong: detect, fence, promote.
	// It returns the new primary.
	Failover(ctx context.Context, c *cluster.Cluster, options FailoverOptions) (*cluster.Node, error)
	// Rejoin brings a former primary back as a standby of the present one and says how.
	Rejoin(ctx context.Context, c *cluster.Cluster, old *cluster.Node) (Rejoined, error)
	// Switchover moves the role as planned, losing nothing, and brings the old primary back as a standby.
	Switchover(ctx context.Context, c *cluster.Cluster, to *cluster.Node) error
}

// Included are the procedures that come with the harness, by which a user may choose one.
func Included() []Procedure { return []Procedure{Manual{}, Manual{NoRewind: true}} }

// Rewinding is a procedure that says whether it ever tries a rewind. One that does not say so is taken to.
type Rewinding interface {
	Rewinds() bool
}

// FailoverOptions are for stories about procedures gone wrong.
type FailoverOptions struct {
	NoFence bool // promote although the old primary may still accept writes
}

// How a node came back.
type How string

// The ways back.
const (
	NoOp    How = "no-op" // nothing had diverged
	Rewound How = "rewind"
	Rebuilt How = "rebuild"
)

// Rejoined says how a node came back.
type Rejoined struct {
	How    How
	Bytes  int64  // copied by pg_rewind or pg_basebackup
	Reason string // why a rewind was refused, in pg_rewind's words, if it was
}
