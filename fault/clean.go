package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Clean asks the agent in every node's sandbox for the rules that the kernel has. None: each gets an empty table, as it was when the
// sandbox started, so the next run can have the sandboxes. Any: that is an error which names it, and nothing is changed, for a rule
// that is left although its run is over was not understood.
func Clean(ctx context.Context, c *cluster.Cluster) error {
	var errs []error
	for _, node := range c.Nodes() {
		if err := clean(ctx, wire.NewClient(node.Agent())); err != nil {
			errs = append(errs, fmt.Errorf("sandbox of %s: %w", node, err))
		}
	}
	return errors.Join(errs...)
}

func clean(ctx context.Context, agent *wire.Client) error {
	defer agent.Close()
	answer, err := agent.Do(ctx, wire.Request{Do: wire.State})
	if err != nil {
		return err
	}
	for _, rule := range answer.Reply.Rules {
		return fmt.Errorf("rule %s (%s) is left, and has seen %d packets", rule.ID, rule.Direction, rule.Packets)
	}
	_, err = agent.Do(ctx, wire.Request{Do: wire.Clear})
	return err
}
