// Package workload has the clients that write and record.
package workload

import (
	"context"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Workload is something clients do against a cluster until they are told to stop.
type Workload interface {
	Name() string
	// Prepare makes tables on the primary, before the clock matters.
	Prepare(ctx context.Context, c *cluster.Cluster) error
	// Run works until ctx ends and returns when every operation has its outcome recorded.
	Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error
}

// Ledger is the durability workload: each operation inserts one row with a token unique in the run.
type Ledger struct {
	Clients int     // connections
	Rate    float64 // operations a second in all, open loop: started by schedule; 0: as fast as they come
	Seed    uint64  // of the phases of the clients' schedules
	Node    string  // "": multi-host, read-write; else pinned to this node (a client that stays with an old primary)
}
