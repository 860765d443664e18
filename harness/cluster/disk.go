package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"
)

// Disk says on what the nodes' data folders lie.
type Disk string

// The disks. An ordinary volume costs nothing; only a disk of its own can be hit by disk faults.
const (
	VolumeDisk Disk = ""     // a volume of the engine
	LoopDisk   Disk = "loop" // an ext4 of 2 GiB of the node's own, on a loop device; the archive stays on a volume
)

// ErrDisk is wrapped by the error of a cluster whose nodes cannot have the disks that its topology asks for on this engine.
var ErrDisk = errors.New("a disk of the node's own cannot be made here")

// mountRefused is in what an engine answers that cannot mount a volume's device: it has no status of its own.
const mountRefused = "failed to mount local volume"

// diskRequest is the container that holds a node's disk: the agent again, with what loop devices, FUSE and file systems take and nothing else. It has no network.
func (c *Cluster) diskRequest(n *Node) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Name:           n.pod.disk,
		Image:          c.config.Sandbox,
		Entrypoint:     []string{"/agent", "disk", "hold"},
		Labels:         maps.Clone(c.labels),
		ConfigModifier: func(config *container.Config) { config.Volumes = map[string]struct{}{"/image": {}} },
		HostConfigModifier: func(host *container.HostConfig) {
			host.NetworkMode = "none"
			host.ReadonlyRootfs = true
			host.CapDrop = []string{"ALL"}
			host.CapAdd = []string{"SYS_ADMIN", "MKNOD", "DAC_OVERRIDE"}
			host.SecurityOpt = []string{"apparmor=unconfined"}                             // its default profile forbids mounting, whatever the capabilities
			host.DeviceCgroupRules = []string{"b 7:* rwm", "c 10:237 rwm", "c 10:229 rwm"} // loop devices, their control, FUSE
		},
	}
}

// startDisk makes the node's disk and the volume by which the engine mounts it.
func (c *Cluster) startDisk(ctx context.Context, n *Node) error {
	holder, err := create(ctx, c.diskRequest(n))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if err := holder.Start(ctx); err != nil {
		return fmt.Errorf("%w: container %s: %w", ErrDisk, n.pod.disk, err)
	}
	device, err := n.Disk(ctx, "device")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	_, err = c.docker.VolumeCreate(ctx, client.VolumeCreateOptions{
		Name: n.pod.disk, Driver: "local", Labels: maps.Clone(c.labels),
		DriverOpts: map[string]string{"type": "ext4", "device": strings.TrimSpace(device)},
	})
	if err != nil {
		return fmt.Errorf("volume %s: %w", n.pod.disk, err)
	}
	return nil
}

// onDisk has PostgreSQL's container use the disk instead of a volume without a name. The file system is empty, so the engine copies the template into it as well.
func (n *Node) onDisk(host *container.HostConfig) {
	host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: n.pod.disk, Target: volume})
}

// settle puts what the nodes were made of on their disks, and has recovery begin after it: the engine and configure sync nothing, and
// a power loss would take it.
func (c *Cluster) settle(ctx context.Context) error {
	if c.config.Topology.Disk == VolumeDisk {
		return nil
	}
	primary := c.nodes[0]
	if err := primary.settle(ctx); err != nil {
		return err
	}
	token, err := c.Mark(ctx, primary)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.Peers(primary) {
		group.Go(func() error {
			if err := n.AwaitMark(ctx, token); err != nil { // then it has replayed the primary's checkpoint
				return err
			}
			return n.settle(ctx)
		})
	}
	return group.Wait()
}

func (n *Node) settle(ctx context.Context) error {
	if err := n.SQL(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	_, err := n.Disk(ctx, "sync")
	return err
}

// removeDisk removes the holder and the volume, after PostgreSQL's container. What is gone is gone.
func (c *Cluster) removeDisk(ctx context.Context, n *Node) error {
	if err := remove(ctx, c.docker, n.pod.disk); err != nil {
		return err
	}
	if _, err := c.docker.VolumeRemove(ctx, n.pod.disk, client.VolumeRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove volume %s: %w", n.pod.disk, err)
	}
	return nil
}

// DiskHolder is the name of the container that holds the node's disk; empty if it lies on an ordinary volume.
func (n *Node) DiskHolder() string {
	if n.cluster.config.Topology.Disk == VolumeDisk {
		return ""
	}
	return n.pod.disk
}

// Disk runs one of the agent's disk commands (fault/agent/disk) beside the node and returns what it prints.
func (n *Node) Disk(ctx context.Context, command ...string) (string, error) {
	if n.DiskHolder() == "" {
		return "", fmt.Errorf("%s has no disk of its own", n.name)
	}
	text, status, err := once(ctx, n.cluster.docker, n.pod.disk, append([]string{"/agent", "disk"}, command...))
	if err == nil && status != 0 {
		err = errors.New(strings.TrimSpace(text))
	}
	if err != nil {
		return "", fmt.Errorf("disk of %s: %s: %w", n.name, strings.Join(command, " "), err)
	}
	return text, nil
}

// once runs a program in a container that has no shell and returns what it printed, on either output.
func once(ctx context.Context, docker *client.Client, name string, argv []string) (text string, status int, err error) {
	made, err := docker.ExecCreate(ctx, name, client.ExecCreateOptions{Cmd: argv, TTY: true, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", 0, err
	}
	attached, err := docker.ExecAttach(ctx, made.ID, client.ExecAttachOptions{TTY: true})
	if err != nil {
		return "", 0, err
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	said, err := io.ReadAll(attached.Reader)
	if ctx.Err() != nil || err != nil {
		return "", 0, errors.Join(err, ctx.Err())
	}
	var ended client.ExecInspectResult
	err = poll(ctx, func(ctx context.Context) (done bool, err error) {
		ended, err = docker.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
		return !ended.Running, err
	})
	return string(said), ended.ExitCode, err
}
