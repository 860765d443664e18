package scenarios

import (
	"context"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
)

// finalReads records what every node holds, now that all is quiet. It leaves PostgreSQL stopped: its files are looked at last.
func finalReads(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	states, err := inspect.Final(ctx, c)
	if err != nil {
		return err
	}
	inspect.Verify(ctx, c, states)
	for _, state := range states {
		to.Final(state)
	}
	return nil
}
