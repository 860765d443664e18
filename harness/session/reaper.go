package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/pgcrucible/pgcrucible/harness/session/sweep"
)

const (
	reaperSocket = "/engine.sock" // where the reaper looks for the engine's socket
	// answerWithin is how long the reaper may take for a line, its first one included.
	answerWithin = 30 * time.Second
)

// reaper is this process's end of a reaper container.
type reaper struct {
	stream client.HijackedResponse
	lines  <-chan string // what it answers; closed when it is gone
	blind  error         // why it cannot remove anything; nil if it can
	gone   chan struct{} // closed with lines
}

// startReaper starts a reaper for what carries the labels. Where the engine's socket cannot be given to it, it starts one that only
// shows that the process lives: Sweep of another process then leaves its things alone.
func startReaper(ctx context.Context, docker *client.Client, sandbox string, labels map[string]string) (*reaper, error) {
	r, err := runReaper(ctx, docker, sandbox, labels, engineSocket(docker.DaemonHost()))
	if err == nil {
		return r, nil
	}
	mark, markErr := runReaper(ctx, docker, sandbox, labels, "")
	if markErr != nil {
		return nil, err
	}
	mark.blind = fmt.Errorf("the reaper cannot reach the engine, so a crash of this process leaves its containers behind: %w", err)
	return mark, nil
}

// engineSocket is the path of the engine's socket on the engine's own machine. Of an engine that is reached by TCP or runs in a virtual machine
// nothing is known but the usual place.
func engineSocket(host string) string {
	path, local := strings.CutPrefix(host, "unix://")
	if !local || strings.Contains(path, "/.docker/") {
		return "/var/run/docker.sock"
	}
	return path
}

func runReaper(ctx context.Context, docker *client.Client, sandbox string, labels map[string]string, socket string) (*reaper, error) {
	options := reaperContainer(sandbox, labels, socket)
	made, err := docker.ContainerCreate(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("create container: %w", err)
	}
	r, err := attachReaper(ctx, docker, made.ID)
	if err != nil {
		remove := client.ContainerRemoveOptions{Force: true}
		_, _ = docker.ContainerRemove(context.WithoutCancel(ctx), made.ID, remove) // it may have gone by itself
		return nil, err
	}
	return r, nil
}

func reaperContainer(sandbox string, labels map[string]string, socket string) client.ContainerCreateOptions {
	labels = maps.Clone(labels)
	labels[sweep.RoleLabel] = sweep.RoleReaper
	config := container.Config{
		Image: sandbox, Labels: labels, Entrypoint: []string{"/reaper"}, Cmd: []string{"mark"},
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	}
	host := container.HostConfig{
		AutoRemove: true, NetworkMode: "none", ReadonlyRootfs: true, CapDrop: []string{"ALL"},
		// SELinux would forbid the socket; elsewhere this changes nothing.
		SecurityOpt: []string{"label=disable", "no-new-privileges"},
	}
	if socket != "" {
		config.Cmd = []string{"watch", SessionLabel + "=" + labels[SessionLabel]}
		host.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: socket, Target: reaperSocket}}
	}
	return client.ContainerCreateOptions{Name: "pgcrucible-reaper-" + labels[SessionLabel], Config: &config, HostConfig: &host}
}

// attachReaper starts the container with this process on its standard input, and returns when the reaper has said that it is ready.
func attachReaper(ctx context.Context, docker *client.Client, id string) (*reaper, error) {
	// The connection must outlive ctx, which is that of Open.
	attached, err := docker.ContainerAttach(context.WithoutCancel(ctx), id,
		client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	r := &reaper{stream: attached.HijackedResponse, gone: make(chan struct{})}
	r.listen()
	if _, err := docker.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		r.stream.Close()
		return nil, fmt.Errorf("start container: %w", err)
	}
	if err := r.expect(ctx, "ready"); err != nil {
		r.stream.Close()
		return nil, err
	}
	return r, nil
}

// listen turns the engine's stream into lines.
func (r *reaper) listen() {
	lines := make(chan string, 16)
	r.lines = lines
	read, write := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(write, write, r.stream.Reader)
		_ = write.CloseWithError(err) // never fails
	}()
	go func() {
		defer close(r.gone)
		defer close(lines)
		for scanner := bufio.NewScanner(read); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
}

// say sends a line and waits for its answer.
func (r *reaper) say(ctx context.Context, line string) error {
	if _, err := io.WriteString(r.stream.Conn, line+"\n"); err != nil {
		return fmt.Errorf("tell the reaper: %w", err)
	}
	return r.expect(ctx, "ok")
}

func (r *reaper) expect(ctx context.Context, want string) error {
	timeout := time.NewTimer(answerWithin)
	defer timeout.Stop()
	select {
	case got, more := <-r.lines:
		if !more {
			return errors.New("the reaper is gone")
		}
		if got != want {
			return fmt.Errorf("the reaper answered %q, want %q", got, want)
		}
		return nil
	case <-timeout.C:
		return fmt.Errorf("no answer from the reaper within %s", answerWithin)
	case <-ctx.Done():
		return fmt.Errorf("wait for the reaper: %w", context.Cause(ctx))
	}
}

func (r *reaper) guards() error {
	select {
	case <-r.gone:
		return errors.New("the reaper is gone, so a crash of this process leaves its containers behind")
	default:
		return r.blind
	}
}

// letGo ends the reaper's input: it looks for leftovers once more and goes.
func (r *reaper) letGo() { r.stream.Close() }
