// Package disk is a node's disk, and what can be done to it from below: the agent runs it in a container beside the node's, which
// alone has the capabilities for it (SYS_ADMIN, MKNOD, DAC_OVERRIDE, the loop devices and FUSE).
//
// "agent disk hold" makes an ext4 of 2 GiB in a file without a name, puts a loop device over it, and holds the device until it is ended. The
// engine mounts that device as the node's volume. When the node's container and this one are gone, the kernel takes the device apart and the file
// is freed: nothing is left to be removed. Between the device and the file stands a layer of this process's own, served by FUSE, which can hold
// requests up or refuse them. The other commands do one thing and end; each mounts the device for itself, in a mount
// namespace of its own, which gives it the same file system that the node has.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Folder is the volume of the container: there the image's file is made, and there commands mount.
const Folder = "/image"

const (
	imagePath = Folder + "/file"
	mountPath = Folder + "/mount"
	layerPath = Folder + "/layer"
	namePath  = Folder + "/device" // says which device it is
	errorPath = Folder + "/error"  // or why there is none
)

// Run carries out one command: what follows "agent disk".
func Run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("disk: no command")
	}
	for _, c := range commands() {
		if c.name == args[0] && c.args == len(args)-1 {
			return c.do(ctx, args[1:], out)
		}
	}
	return fmt.Errorf("disk: command %q with %d arguments is not known", args[0], len(args)-1)
}

// hold keeps the device open until ctx ends, and does to it what the commands say. What goes wrong in the making is kept for the
// command device, which the tester asks.
func hold(ctx context.Context) error {
	t := newTrouble()
	device, layered, err := makeDevice(t)
	if err != nil {
		if err := say(errorPath, err.Error()); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	defer device.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", controlSocket)
	if err != nil {
		return err
	}
	if err := say(namePath, device.Name()); err != nil {
		return err
	}
	why := ""
	if layered != nil {
		why = layered.Error()
	}
	serve(ctx, listener, t, why)
	return nil
}

// makeDevice makes the disk. Where there is no FUSE (the error layered says why) it is one that cannot be slow or broken.
func makeDevice(t *trouble) (device *os.File, layered, err error) {
	if err := os.MkdirAll(mountPath, 0o700); err != nil {
		return nil, nil, err
	}
	file, err := unpack(imagePath)
	if err != nil {
		return nil, nil, err
	}
	path, layered := serveLayer(layerPath, file, t)
	if layered != nil {
		path = imagePath
	}
	below, err := openBelow(path)
	if err != nil {
		return nil, nil, err
	}
	defer below.Close()
	if err := os.Remove(imagePath); err != nil { // the device and the layer have it now
		return nil, nil, err
	}
	device, err = attach(below)
	return device, layered, err
}

// openBelow opens what the device is to stand on. Not by os.OpenFile, which would wait in the poller of the process that serves it.
func openBelow(path string) (*os.File, error) {
	number, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return os.NewFile(uintptr(number), path), nil
}

// say writes a file whole or not at all.
func say(path, text string) error {
	if err := os.WriteFile(path+".part", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// deviceWithin is how long the making of a disk may take.
const deviceWithin = 30 * time.Second

// device waits until hold has made the device and prints its name.
func device(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, deviceWithin)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if name, err := os.ReadFile(namePath); err == nil {
			fmt.Fprintln(out, string(name))
			return nil
		}
		if why, err := os.ReadFile(errorPath); err == nil {
			return errors.New(string(why))
		}
		select {
		case <-ctx.Done():
			return errors.New("no device was made in time")
		case <-tick.C:
		}
	}
}
