package scenarios

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// running are the nodes on which PostgreSQL runs. Of one that cannot be asked it is taken that it does not.
func running(ctx context.Context, c *cluster.Cluster) []*cluster.Node {
	var nodes []*cluster.Node
	for _, node := range c.Nodes() {
		if runs, err := node.Running(ctx); err == nil && runs {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// keep leaves the pair as it was before the final reads, for which PostgreSQL was stopped, and says how to get at each node.
func (p *play) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keepWithin)
	defer cancel()
	p.log("the pair is kept (KEEP=1):")
	var errs []error
	for _, node := range p.ran {
		if err := node.Start(ctx); err != nil {
			errs = append(errs, fmt.Errorf("keep %s running: %w", node, err))
		}
	}
	for _, node := range p.cluster.Nodes() {
		p.log("  " + p.cluster.PSQL(node))
	}
	return errors.Join(errs...)
}
