package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Resources that a fault limits.
const (
	resourceCPU    = "CPU"
	resourceMemory = "memory"
)

// bystanders are the other nodes of a fault that limits a resource of one: its control.
type bystanders struct {
	resource string
	hits     *hits
	nodes    []bystander
}

// bystander is one of them as it was before.
type bystander struct {
	node   *cluster.Node
	before cluster.Usage
	begun  int // faults that had begun to limit the resource
}

// watch looks at nodes before a fault. One that does not run, or that another fault limits, proves nothing and is left out.
func watch(ctx context.Context, h *hits, resource string, nodes []*cluster.Node) (bystanders, error) {
	b := bystanders{resource: resource, hits: h}
	for _, node := range nodes {
		free, begun := h.unlimited(resource + " of " + node.Name())
		if !free {
			continue
		}
		usage, runs, err := counted(ctx, node)
		if err != nil {
			return b, fmt.Errorf("see the control before the fault: %w", err)
		}
		if runs {
			b.nodes = append(b.nodes, bystander{node, usage, begun})
		}
	}
	return b, nil
}

// countedWithin bounds one look at the counters of a node, which may be frozen while it is looked at.
const countedWithin = 5 * time.Second

// counted reads a node's counters, if its container runs and is not frozen.
func counted(ctx context.Context, node *cluster.Node) (usage cluster.Usage, runs bool, err error) {
	look, cancel := context.WithTimeout(ctx, countedWithin)
	defer cancel()
	if idle, err := idle(ctx, node); err != nil || idle {
		return usage, false, err
	}
	if usage, err = node.Usage(look); err == nil {
		return usage, true, nil
	}
	if idle, asked := idle(ctx, node); asked == nil && idle {
		return usage, false, nil
	}
	return usage, false, err
}

// idle says whether no program runs in a node's container.
func idle(ctx context.Context, node *cluster.Node) (bool, error) {
	if paused, err := node.Paused(ctx); err != nil || paused {
		return paused, err
	}
	return node.ContainerDead(ctx)
}

// spared sees that no bystander has another limit than before, or has lost a process for it.
func (b bystanders) spared(ctx context.Context) (string, error) {
	var names []string
	for _, one := range b.nodes {
		free, begun := b.hits.unlimited(b.resource + " of " + one.node.Name())
		now, runs, err := counted(ctx, one.node)
		if err != nil {
			return "", fmt.Errorf("see the control: %w", err)
		}
		if !free || begun != one.begun || !runs {
			continue // other faults have come meanwhile
		}
		if err := one.same(b.resource, now); err != nil {
			return "", fmt.Errorf("the fault reaches further than it should: %w", err)
		}
		names = append(names, one.node.Name())
	}
	if len(names) == 0 {
		return "no other node was left to compare with", nil
	}
	slices.Sort(names)
	return strings.Join(names, ", ") + " has as much " + b.resource + " as before", nil
}

func (one bystander) same(resource string, now cluster.Usage) error {
	switch {
	case resource == resourceCPU && now.Quota != one.before.Quota:
		return fmt.Errorf("%s has a quota of %s, and had %s", one.node, now.Quota, one.before.Quota)
	case resource == resourceMemory && now.MemoryLimit != one.before.MemoryLimit:
		return fmt.Errorf("%s has a memory limit of %d, and had %d", one.node, now.MemoryLimit, one.before.MemoryLimit)
	case resource == resourceMemory && now.OOMKills > one.before.OOMKills:
		return fmt.Errorf("the kernel killed a process of %s for its memory", one.node)
	}
	return nil
}
