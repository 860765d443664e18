package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// KillContainer sends SIGKILL to PostgreSQL's container. Address, port and fault rules stay: they are the sandbox's.
// It returns the moment of the signal, as near as the engine's answer tells, when the container has stopped.
func (n *Node) KillContainer(ctx context.Context) (time.Time, error) {
	sent := time.Now()
	_, err := n.cluster.docker.ContainerKill(ctx, n.pod.postgres, client.ContainerKillOptions{Signal: "KILL"})
	if err != nil {
		return time.Time{}, fmt.Errorf("kill the container of %s: %w", n.name, err)
	}
	at := sent.Add(time.Since(sent) / 2)
	n.disconnect(ctx)
	err = poll(ctx, func(ctx context.Context) (bool, error) {
		found, err := n.cluster.docker.ContainerInspect(ctx, n.pod.postgres, client.ContainerInspectOptions{})
		return err == nil && !found.Container.State.Running, err
	})
	if err != nil {
		return at, fmt.Errorf("kill the container of %s: %w", n.name, err)
	}
	return at, nil
}

// StopContainer is docker stop with a grace time, of whole seconds.
func (n *Node) StopContainer(ctx context.Context, grace time.Duration) error {
	seconds := int(grace.Round(time.Second) / time.Second)
	_, err := n.cluster.docker.ContainerStop(ctx, n.pod.postgres, client.ContainerStopOptions{Timeout: &seconds})
	if err != nil {
		return fmt.Errorf("stop the container of %s: %w", n.name, err)
	}
	n.disconnect(ctx)
	return nil
}

// StartContainer starts PostgreSQL's container again, without PostgreSQL.
func (n *Node) StartContainer(ctx context.Context) error {
	if _, err := n.cluster.docker.ContainerStart(ctx, n.pod.postgres, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start the container of %s: %w", n.name, err)
	}
	n.disconnect(ctx) // shells of the earlier life
	_, err := n.Shell(ctx, ":")
	return err
}

// PauseContainer freezes every process of PostgreSQL's container; UnpauseContainer thaws them.
func (n *Node) PauseContainer(ctx context.Context) error {
	if _, err := n.cluster.docker.ContainerPause(ctx, n.pod.postgres, client.ContainerPauseOptions{}); err != nil {
		return fmt.Errorf("pause the container of %s: %w", n.name, err)
	}
	return nil
}

// Paused says whether PostgreSQL's container is frozen; one that is gone is not.
func (n *Node) Paused(ctx context.Context) (bool, error) {
	found, err := n.cluster.docker.ContainerInspect(ctx, n.pod.postgres, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at the container of %s: %w", n.name, err)
	}
	return found.Container.State.Paused, nil
}

// UnpauseContainer is the reverse of PauseContainer; a container that is not frozen stays as it is.
func (n *Node) UnpauseContainer(ctx context.Context) error {
	if paused, err := n.Paused(ctx); err != nil || !paused {
		return err
	}
	if _, err := n.cluster.docker.ContainerUnpause(ctx, n.pod.postgres, client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("thaw the container of %s: %w", n.name, err)
	}
	return nil
}

// ContainerDead asks the engine whether PostgreSQL's container does not run, or is no more.
func (n *Node) ContainerDead(ctx context.Context) (bool, error) {
	found, err := n.cluster.docker.ContainerInspect(ctx, n.pod.postgres, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("look at the container of %s: %w", n.name, err)
	}
	return !found.Container.State.Running, nil
}
