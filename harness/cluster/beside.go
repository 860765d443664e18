package cluster

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// ErrContainerDown is wrapped by errors of StartBeside and RunBeside if PostgreSQL's container does not run: there are no processes to be
// beside of.
var ErrContainerDown = errors.New("the container does not run")

// Beside is a program of the sandbox image in a container of its own, which shares the processes of PostgreSQL's container: it sees
// them and ends with them. It has no network, no volumes, and only the capabilities that it was given.
type Beside struct {
	node      *Node
	name      string
	container testcontainers.Container
}

// StartBeside starts a program beside PostgreSQL. It runs as root with the capabilities named, such as SYS_PTRACE, and no others, until
// it ends, until Remove, or until the cluster is closed.
func (n *Node) StartBeside(ctx context.Context, capabilities []string, argv ...string) (*Beside, error) {
	b := &Beside{node: n, name: n.pod.postgres + "-" + strings.ToLower(rand.Text()[:6])}
	n.mu.Lock()
	n.besides = append(n.besides, b.name)
	n.mu.Unlock()
	var err error
	b.container, err = create(ctx, b.request(capabilities, argv))
	if err == nil {
		err = b.container.Start(ctx)
	}
	if err == nil {
		return b, nil
	}
	if dead, deadErr := n.ContainerDead(ctx); dead && deadErr == nil {
		err = errors.Join(ErrContainerDown, err)
	}
	return nil, errors.Join(fmt.Errorf("start %s beside %s: %w", argv[0], n.name, err), b.Remove(ctx))
}

func (b *Beside) request(capabilities, argv []string) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Name:       b.name,
		Image:      b.node.cluster.config.Sandbox,
		Entrypoint: argv,
		Labels:     maps.Clone(b.node.cluster.labels),
		HostConfigModifier: func(host *container.HostConfig) {
			host.PidMode = container.PidMode("container:" + b.node.pod.postgres)
			host.NetworkMode = network.NetworkNone
			host.CapDrop, host.CapAdd = []string{"ALL"}, capabilities
			host.SecurityOpt = []string{"no-new-privileges"}
			host.ReadonlyRootfs = true
		},
	}
}

// FirstLine waits for the first line that the program prints, to either of its outputs.
func (b *Beside) FirstLine(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	printed, err := b.follow(ctx)
	if err != nil {
		return "", err
	}
	defer printed.Close()
	line, err := bufio.NewReader(printed).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("first line of %s, after %q: %w", b.name, line, err)
	}
	return strings.TrimSpace(line), nil
}

// Finish waits until the program ends and returns all that it printed; a status other than 0 is an error with that.
func (b *Beside) Finish(ctx context.Context) (string, error) {
	printed, err := b.follow(ctx)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(printed)
	if err != nil {
		return "", fmt.Errorf("output of %s: %w", b.name, err)
	}
	waiting := b.node.cluster.docker.ContainerWait(ctx, b.name, client.ContainerWaitOptions{})
	select {
	case err := <-waiting.Error:
		return "", fmt.Errorf("wait for %s: %w", b.name, err)
	case end := <-waiting.Result:
		if end.StatusCode != 0 {
			return "", fmt.Errorf("%s ended with status %d: %s", b.name, end.StatusCode, strings.TrimSpace(string(text)))
		}
	}
	return string(text), nil
}

// follow reads what the program prints as it comes, until it ends or ctx does.
func (b *Beside) follow(ctx context.Context) (io.ReadCloser, error) {
	logs, err := b.node.cluster.docker.ContainerLogs(ctx, b.name, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return nil, fmt.Errorf("output of %s: %w", b.name, err)
	}
	reader, writer := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(writer, writer, logs)
		_ = writer.CloseWithError(errors.Join(err, logs.Close()))
	}()
	return reader, nil
}

// Remove ends the program and removes its container; one that is gone is success.
func (b *Beside) Remove(ctx context.Context) error {
	if err := remove(ctx, b.node.cluster.docker, b.name); err != nil {
		return err
	}
	b.node.mu.Lock()
	defer b.node.mu.Unlock()
	b.node.besides = slices.DeleteFunc(b.node.besides, func(name string) bool { return name == b.name })
	return nil
}

// RunBeside runs a program beside PostgreSQL to its end and returns what it printed; a status other than 0 is an error with that.
func (n *Node) RunBeside(ctx context.Context, capabilities []string, argv ...string) (output string, err error) {
	b, err := n.StartBeside(ctx, capabilities, argv...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.Remove(context.WithoutCancel(ctx))) }()
	if output, err = b.Finish(ctx); err != nil {
		return "", fmt.Errorf("%s beside %s: %w", argv[0], n.name, err)
	}
	return output, nil
}

// removeBesides removes what still is beside the node.
func (n *Node) removeBesides(ctx context.Context) error {
	n.mu.Lock()
	names := slices.Clone(n.besides)
	n.mu.Unlock()
	var errs []error
	for _, name := range names {
		errs = append(errs, remove(ctx, n.cluster.docker, name))
	}
	return errors.Join(errs...)
}
