package cluster

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// CPULimit is how much CPU time a container may use: Quota out of every Period, both in microseconds.
// A Quota of 0 is no limit, and a Period of 0 the kernel's own.
type CPULimit struct{ Period, Quota int64 }

// MemoryLimit is how much memory a container may use, in bytes. Swap counts memory and swap together. 0 is no limit.
type MemoryLimit struct{ Memory, Swap int64 }

// What the engine wants to hear where there shall be no limit. An update to 0 succeeds and changes nothing; -1 bytes are refused as memory
// and not passed on as swap. The numbers are no limit on any machine; swap is given as much as memory, for control groups of version 2 have
// a limit of its own for it, which is the difference.
const (
	unlimited       = -1
	unlimitedMemory = 1 << 62
	unlimitedSwap   = 1<<63 - 4096
)

// defaultPeriod is the kernel's own, in microseconds (documentation of the kernel, "CFS Bandwidth Control").
const defaultPeriod = 100_000

// Limits are what the engine says PostgreSQL's container is limited to.
func (n *Node) Limits(ctx context.Context) (CPULimit, MemoryLimit, error) {
	found, err := n.cluster.docker.ContainerInspect(ctx, n.pod.postgres, client.ContainerInspectOptions{})
	if err != nil {
		return CPULimit{}, MemoryLimit{}, fmt.Errorf("limits of %s: %w", n.name, err)
	}
	host := found.Container.HostConfig
	cpu := CPULimit{Period: max(host.CPUPeriod, 0), Quota: max(host.CPUQuota, 0)}
	return cpu, MemoryLimit{Memory: bytes(host.Memory), Swap: bytes(host.MemorySwap)}, nil
}

// noLimit is from where on numbers of bytes are no limit.
const noLimit = unlimitedMemory

// bytes is a limit as the engine or the kernel says it, 0 if it is none.
func bytes(limit int64) int64 {
	if limit < 0 || limit >= noLimit {
		return 0
	}
	return limit
}

// LimitCPU changes how much CPU time PostgreSQL's container may use, while it runs. A container that is no more uses none.
func (n *Node) LimitCPU(ctx context.Context, l CPULimit) error {
	if err := UpdateCPU(ctx, n.cluster.docker, n.pod.postgres, l); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("limit the CPU time of %s: %w", n.name, err)
	}
	return nil
}

// LimitMemory changes how much memory PostgreSQL's container may use, while it runs. A container that is no more uses none.
func (n *Node) LimitMemory(ctx context.Context, l MemoryLimit) error {
	if err := UpdateMemory(ctx, n.cluster.docker, n.pod.postgres, l); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("limit the memory of %s: %w", n.name, err)
	}
	return nil
}

// UpdateCPU is LimitCPU of a container by its name, for who has no Cluster any more.
func UpdateCPU(ctx context.Context, docker *client.Client, name string, l CPULimit) error {
	if l.Period == 0 {
		l.Period = defaultPeriod
	}
	if l.Quota == 0 {
		l.Quota = unlimited
	}
	return update(ctx, docker, name, container.Resources{CPUPeriod: l.Period, CPUQuota: l.Quota})
}

// UpdateMemory is LimitMemory of a container by its name, for who has no Cluster any more.
func UpdateMemory(ctx context.Context, docker *client.Client, name string, l MemoryLimit) error {
	if l.Memory == 0 {
		l.Memory = unlimitedMemory
	}
	if l.Swap == 0 {
		l.Swap = unlimitedSwap
	}
	return update(ctx, docker, name, container.Resources{Memory: l.Memory, MemorySwap: l.Swap})
}

func update(ctx context.Context, docker *client.Client, name string, resources container.Resources) error {
	_, err := docker.ContainerUpdate(ctx, name, client.ContainerUpdateOptions{Resources: &resources})
	return err
}
