package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Beside runs a program of an image in the process namespace of a container, in a container of its own, and waits for its end.
// A container that does not run has no processes: it is gone.
func (d *docker) Beside(ctx context.Context, beside, image string, capabilities, argv []string) (err error) {
	if err := d.connect(ctx); err != nil {
		return err
	}
	found, err := d.client.ContainerInspect(ctx, beside, client.ContainerInspectOptions{})
	if err != nil {
		return gone(err)
	}
	if !found.Container.State.Running {
		return errGone
	}
	made, err := d.client.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{Image: image, Entrypoint: argv, Labels: found.Container.Config.Labels},
		HostConfig: &container.HostConfig{
			PidMode: container.PidMode("container:" + found.Container.ID), NetworkMode: "none", CapDrop: []string{"ALL"}, CapAdd: capabilities,
			SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true,
		},
	})
	if err != nil {
		return fmt.Errorf("make a container beside %s: %w", beside, err)
	}
	defer func() {
		_, removed := d.client.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true})
		err = errors.Join(err, removed)
	}()
	waiting := d.client.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := d.client.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start %v beside %s: %w", argv, beside, err)
	}
	select {
	case err := <-waiting.Error:
		return fmt.Errorf("wait for %v beside %s: %w", argv, beside, err)
	case end := <-waiting.Result:
		if end.StatusCode != 0 {
			return fmt.Errorf("%v ended with status %d", argv, end.StatusCode)
		}
	}
	return nil
}
