package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// runSpace is what a run needs where the engine keeps containers and volumes.
const runSpace = 2 << 30

// checkSpace looks at the disk of the engine's root folder, if it is on this machine; elsewhere nothing is known and nothing is said.
func checkSpace(ctx context.Context, docker *client.Client) error {
	if !strings.HasPrefix(docker.DaemonHost(), "unix://") {
		return nil
	}
	info, err := docker.Info(ctx, client.InfoOptions{})
	if err != nil {
		return fmt.Errorf("ask the engine for its root folder: %w", err)
	}
	return enoughSpace(info.Info.DockerRootDir, runSpace, "the engine's root folder", freeSpace)
}

// enoughSpace says in one line that a folder's disk has less than wanted. A folder that cannot be looked at has enough.
func enoughSpace(dir string, wanted uint64, what string, free func(string) (uint64, error)) error {
	have, err := free(dir)
	if err != nil || have >= wanted {
		return nil //nolint:nilerr // the folder is on another machine, or not ours to look at
	}
	const gib = 1 << 30
	return unusable(nil, "disk nearly full: %.1f GiB free at %s (%s), want %.1f GiB", float64(have)/gib, dir, what, float64(wanted)/gib)
}

func freeSpace(dir string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}
