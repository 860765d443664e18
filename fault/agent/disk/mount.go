package disk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// mounted mounts the device for this thread alone and runs work on it. A file system that is mounted already is shared: what is
// done to it here is done to the node's.
func mounted(work func(root string) error) (err error) {
	name, err := os.ReadFile(namePath)
	if err != nil {
		return fmt.Errorf("which device: %w", err)
	}
	runtime.LockOSThread() // for good: the thread's mounts are its own, and end with it
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	if err := unix.Mount(string(name), mountPath, "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(mountPath, 0)) }()
	return work(mountPath)
}

// options are those of the file system, as the kernel shows them to this thread.
func options(root string) (string, error) {
	text, err := os.ReadFile("/proc/thread-self/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if part := strings.Fields(line); len(part) > 3 && part[1] == root {
			return part[3], nil
		}
	}
	return "", fmt.Errorf("%s is not mounted", root)
}
