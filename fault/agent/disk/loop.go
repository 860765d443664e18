package disk

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Device numbers (Documentation/admin-guide/devices.txt of the kernel).
const (
	loopMajor    = 7
	miscMajor    = 10
	controlMinor = 237
	fuseMinor    = 229
	controlPath  = "/dev/loop-control"
)

// attach makes a loop device of a file. The kernel takes it apart by itself as soon as nobody has it open or mounted:
// neither a signal that cannot be caught nor the engine's death leaves one behind.
func attach(file *os.File) (device *os.File, err error) {
	if err := node(controlPath, unix.S_IFCHR, miscMajor, controlMinor); err != nil {
		return nil, err
	}
	control, err := os.OpenFile(controlPath, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("loop devices: %w", err)
	}
	defer control.Close()
	for {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("find a free loop device: %w", err)
		}
		device, err := configure(number, file)
		if !errors.Is(err, unix.EBUSY) { // else somebody else was faster
			return device, err
		}
	}
}

func configure(number int, file *os.File) (*os.File, error) {
	path := fmt.Sprintf("/dev/loop%d", number)
	if err := node(path, unix.S_IFBLK, loopMajor, uint32(number)); err != nil {
		return nil, err
	}
	device, err := openHigh(path)
	if err != nil {
		return nil, fmt.Errorf("loop device: %w", err)
	}
	config := unix.LoopConfig{Fd: uint32(file.Fd()), Size: block}
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	if err := unix.IoctlLoopConfigure(int(device.Fd()), &config); err != nil {
		return nil, errors.Join(fmt.Errorf("configure %s: %w", path, err), device.Close())
	}
	return device, nil
}

// node makes a device's file in the container's own /dev; the engine's rules say which may be opened.
func node(path string, kind, major, minor uint32) error {
	err := unix.Mknod(path, kind|0o600, int(unix.Mkdev(major, minor)))
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return nil
}

// highest is a descriptor that no other file of this process comes up to.
const highest = 500

// openHigh opens a device under a high descriptor. A process that is killed has its files closed from the lowest on: the layer's
// connection must go before the device, or the device's last words would wait for an answer for ever.
func openHigh(path string) (*os.File, error) {
	low, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	high, err := unix.FcntlInt(uintptr(low), unix.F_DUPFD_CLOEXEC, highest)
	if err = errors.Join(err, unix.Close(low)); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(high), path), nil
}
