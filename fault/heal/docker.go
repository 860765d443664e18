package main

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/image"
)

// docker is the engine, connected to when it is first needed: a journal of network faults needs none.
type docker struct{ client *client.Client }

func (d *docker) connect(ctx context.Context) (err error) {
	if d.client == nil {
		d.client, err = image.Connect(ctx)
	}
	return err
}

// Exec runs a program and waits for its end.
func (d *docker) Exec(ctx context.Context, container, user string, argv []string) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	found, err := d.client.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return gone(err)
	}
	if !found.Container.State.Running {
		return errStopped
	}
	made, err := d.client.ExecCreate(ctx, container, client.ExecCreateOptions{User: user, Cmd: argv})
	if err != nil {
		return gone(err)
	}
	if _, err := d.client.ExecStart(ctx, made.ID, client.ExecStartOptions{Detach: true}); err != nil {
		return gone(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		state, err := d.client.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
		if err != nil {
			return gone(err)
		}
		if !state.Running {
			if state.ExitCode != 0 {
				return fmt.Errorf("%v ended with status %d", argv, state.ExitCode)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Unpause thaws a container; one that is not frozen is fine.
func (d *docker) Unpause(ctx context.Context, container string) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	found, err := d.client.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil || !found.Container.State.Paused {
		return gone(err)
	}
	_, err = d.client.ContainerUnpause(ctx, container, client.ContainerUnpauseOptions{})
	return gone(err)
}

// Start starts a container; one that runs is fine.
func (d *docker) Start(ctx context.Context, container string) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	_, err := d.client.ContainerStart(ctx, container, client.ContainerStartOptions{})
	return gone(err)
}

// Limit sets a container's limits of CPU time or of memory.
func (d *docker) Limit(ctx context.Context, action intent.Action) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	if action.Kind == intent.LimitCPU {
		return gone(cluster.UpdateCPU(ctx, d.client, action.Container, cluster.CPULimit{Period: action.Period, Quota: action.Quota}))
	}
	return gone(cluster.UpdateMemory(ctx, d.client, action.Container, cluster.MemoryLimit{Memory: action.Memory, Swap: action.Swap}))
}

// Restart stops a container at once, if it runs, and starts it.
func (d *docker) Restart(ctx context.Context, container string) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	atOnce := 0
	_, err := d.client.ContainerRestart(ctx, container, client.ContainerRestartOptions{Timeout: &atOnce})
	return gone(err)
}

// gone turns the engine's "no such container" into errGone.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return errGone
	}
	return err
}
