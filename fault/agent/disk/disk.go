// Package disk is a node's disk, and what can be done to it from below: the agent runs it in a container beside the node's, which
// alone has the capabilities for it (SYS_ADMIN, MKNOD, DAC_OVERRIDE, and the loop devices).
//
// "agent disk hold" makes an ext4 of 2 GiB in a file without a name, puts a loop device over it, and holds the device until it is ended. The
// engine mounts that device as the node's volume. When the node's container and this one are gone, the kernel takes the device apart and the file
// is freed: nothing is left to be removed. The other commands do one thing and end; each mounts the device for itself, in a mount
// namespace of its own, which gives it the same file system that the node has.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// Folder is the volume of the container: there the image's file is made, and there commands mount.
const Folder = "/image"

const (
	imagePath = Folder + "/file"
	mountPath = Folder + "/mount"
	namePath  = Folder + "/device" // says which device it is
	errorPath = Folder + "/error"  // or why there is none
)

// Run carries out one command: what follows "agent disk".
func Run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("disk: no command")
	}
	command, args := args[0], args[1:]
	switch {
	case command == "hold" && len(args) == 0:
		return hold(ctx)
	case command == "device" && len(args) == 0:
		return device(ctx, out)
	case command == "state" && len(args) == 0:
		return mounted(func(root string) error { return state(root, out) })
	case command == "sync" && len(args) == 0:
		return mounted(syncAll)
	case command == "lose" && len(args) == 0:
		return mounted(lose)
	case command == "abort" && len(args) == 0:
		return mounted(abort)
	case command == "try" && len(args) == 0:
		return mounted(try)
	case command == "drain" && len(args) == 0:
		return mounted(drain)
	case command == "fill" && len(args) == 1:
		leave, err := strconv.ParseUint(args[0], 10, 63)
		if err != nil {
			return fmt.Errorf("disk fill: %w", err)
		}
		return mounted(func(root string) error { return fill(root, leave) })
	case command == "read" && len(args) == 1:
		return mounted(func(root string) error { return read(root, args[0], out) })
	}
	return fmt.Errorf("disk: command %q with %d arguments is not known", command, len(args))
}

// hold keeps the device open until ctx ends. What goes wrong is kept for the command device, which the tester asks.
func hold(ctx context.Context) error {
	device, err := makeDevice()
	if err != nil {
		if err := say(errorPath, err.Error()); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	defer device.Close()
	if err := say(namePath, device.Name()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func makeDevice() (*os.File, error) {
	if err := os.MkdirAll(mountPath, 0o700); err != nil {
		return nil, err
	}
	file, err := unpack(imagePath)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := os.Remove(imagePath); err != nil { // the device has it now
		return nil, err
	}
	return attach(file)
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
