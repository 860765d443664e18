// Package workload has the clients that write and record, and the sampler that watches every node.
//
// Clients behave as applications do: a multi-host connection with target_session_attrs=read-write, bounded connect and
// statement times, a quick and bounded retry. What they know at the end of each operation is recorded as one of four
// outcomes (outcome.go says how they are told apart), never more than they know.
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
