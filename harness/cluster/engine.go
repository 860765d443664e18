package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// createWithin bounds the making of one container or network.
const createWithin = 3 * time.Minute

// prepareTestcontainers sets what testcontainers reads from the environment once a process, unless the user has set it:
// no Ryuk, because its image cannot be pulled everywhere and the session's own reaper does its work; and loopback as the
// engine's host, because inside a container it would otherwise take the default gateway.
var prepareTestcontainers = sync.OnceValue(func() error {
	var errs []error
	for name, value := range map[string]string{
		"TESTCONTAINERS_RYUK_DISABLED": "true",
		"TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
	} {
		if _, set := os.LookupEnv(name); !set {
			errs = append(errs, os.Setenv(name, value))
		}
	}
	return errors.Join(errs...)
})

func connectEngine(ctx context.Context) (*client.Client, error) {
	if err := prepareTestcontainers(); err != nil {
		return nil, fmt.Errorf("prepare testcontainers: %w", err)
	}
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the Docker engine: %w", err)
	}
	return docker.Client, nil
}

// create makes a container without starting it. It goes on when ctx ends: the engine would do so too, and a container that
// appears after everything was removed would be left behind.
func create(ctx context.Context, request testcontainers.ContainerRequest) (testcontainers.Container, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("container %s: %w", request.Name, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createWithin)
	defer cancel()
	container, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: request,
		Logger:           tclog.NewNoopLogger(),
	})
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", request.Name, err)
	}
	return container, nil
}

// remove removes a container with its anonymous volumes; one that is gone or going is success.
func remove(ctx context.Context, docker *client.Client, name string) error {
	_, err := docker.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	if errdefs.IsConflict(err) { // somebody else, the reaper perhaps, is removing it
		return waitGone(ctx, docker, name)
	}
	return fmt.Errorf("remove container %s: %w", name, err)
}

func waitGone(ctx context.Context, docker *client.Client, name string) error {
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := docker.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
		return errdefs.IsNotFound(err), nil
	})
	if err != nil {
		return fmt.Errorf("remove container %s: %w", name, err)
	}
	return nil
}

// local says whether address is one of this machine's own: the engine's bridges are here, so containers can be dialled directly.
func local(address string) bool {
	mine, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range mine {
		if network, ok := a.(*net.IPNet); ok && network.IP.String() == address {
			return true
		}
	}
	return false
}
