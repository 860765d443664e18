package procedure

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Failover finds out who still stands, fences every node that is not a standby, promotes the standby that has received
// most, and then, once it accepts writes, makes it fit to be followed: checkpoint, slots.
func (m Manual) Failover(ctx context.Context, c *cluster.Cluster, options FailoverOptions) (to *cluster.Node, err error) {
	err = c.Recorder().Do(history.SpanFailover, "", func(span *history.Span) error {
		seen, err := m.detect(ctx, c)
		if err != nil {
			return fmt.Errorf("failover: %w", err)
		}
		to, span.Node = seen.best(), seen.best().Name()
		if !options.NoFence {
			if err := m.fenceAll(ctx, c, seen); err != nil {
				return err
			}
		}
		if err := m.promote(ctx, c, to); err != nil {
			return err
		}
		return m.settle(ctx, c, to)
	})
	return to, err
}

// fenceAll fences every node that is not a standby. Without certainty that each is shut out nothing may be promoted.
func (m Manual) fenceAll(ctx context.Context, c *cluster.Cluster, seen picture) error {
	var errs []error
	for _, node := range seen.others() {
		errs = append(errs, m.fence(ctx, c, node, cluster.Immediate))
	}
	return errors.Join(errs...)
}
