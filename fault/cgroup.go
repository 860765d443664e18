package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// countable sees that the kernel counts and limits what the containers of all nodes use.
func countable(ctx context.Context, c *cluster.Cluster) error {
	for _, node := range c.Nodes() {
		if _, err := node.Usage(ctx); err != nil {
			return unsupported("no control groups with limits of CPU time and memory: %v", err)
		}
	}
	return nil
}

// groups names the version of control groups, for a mechanism's name.
func groups(ctx context.Context, c *cluster.Cluster, mechanism string) string {
	for _, node := range c.Nodes() {
		if usage, err := node.Usage(ctx); err == nil {
			return fmt.Sprintf("%s, control groups v%d", mechanism, usage.Version)
		}
	}
	return mechanism
}

// undoMemory sets a container's limits of memory to what they were.
func undoMemory(node *cluster.Node, l cluster.MemoryLimit) intent.Action {
	return intent.Action{
		Kind: intent.LimitMemory, Node: node.Name(), Container: node.Container(), Memory: l.Memory, Swap: l.Swap,
	}
}

// swapBeyond is by how much the limit of memory and swap together is above that of memory. Were they the same, the kernel would run into the
// first, which Linux 6.15 and later does not count in control groups of version 1; it is more than any allocation of pages at once.
const swapBeyond = 8 << 20

// tight is a limit of memory, in bytes, with hardly any swap beside it.
func tight(memory int64) cluster.MemoryLimit {
	return cluster.MemoryLimit{Memory: memory, Swap: memory + swapBeyond}
}

// least is how much memory the container needs at least to go on: what it uses and the kernel cannot drop, and what is not yet used of the
// shared buffers.
func least(ctx context.Context, node *cluster.Node, usage cluster.Usage) (int64, error) {
	var buffers int64
	if err := node.Query(ctx, `select pg_size_bytes(current_setting('shared_buffers'))`, nil, &buffers); err != nil {
		return 0, err
	}
	return usage.Memory - usage.PageCache + max(buffers-usage.Shared, 0), nil
}

// memoryRestored sees that the kernel holds the container to the limit that it had.
func memoryRestored(ctx context.Context, node *cluster.Node, before cluster.Usage) (Evidence, error) {
	if dead, err := node.ContainerDead(ctx); err != nil || dead {
		return Evidence{Effect: "the container of " + node.Name() + " does not run"}, err
	}
	now, err := node.Usage(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if now.MemoryLimit != before.MemoryLimit {
		return Evidence{}, fmt.Errorf("%s has a memory limit of %d, and had %d (0: none)", node, now.MemoryLimit, before.MemoryLimit)
	}
	return Evidence{Effect: fmt.Sprintf("the memory limit of %s is %d again (0: none)", node, now.MemoryLimit)}, nil
}
