package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

type command struct {
	name string
	args int
	do   func(ctx context.Context, args []string, out io.Writer) error
}

// commands are what the disk can be asked for. All of them may be repeated.
func commands() []command {
	return []command{
		{"hold", 0, func(ctx context.Context, _ []string, _ io.Writer) error { return hold(ctx) }},
		{"device", 0, func(ctx context.Context, _ []string, out io.Writer) error { return device(ctx, out) }},
		{"state", 0, on(func(root string, _ []string, out io.Writer) error { return state(root, out) })},
		{"sync", 0, on(func(root string, _ []string, _ io.Writer) error { return syncAll(root) })},
		{"lose", 0, on(func(root string, _ []string, _ io.Writer) error { return lose(root) })},
		{"abort", 0, on(func(root string, _ []string, _ io.Writer) error { return abort(root) })},
		{"try", 0, on(func(root string, _ []string, _ io.Writer) error { return try(root) })},
		{"fill", 0, on(func(root string, _ []string, _ io.Writer) error { return fill(root) })},
		{"drain", 0, on(func(root string, _ []string, _ io.Writer) error { return drain(root) })},
		{"read", 1, on(func(root string, args []string, out io.Writer) error { return read(root, args[0], out) })},
		{"probe", 1, on(func(root string, args []string, _ io.Writer) error { return probe(filepath.Join(root, args[0])) })},
		{"break", 1, shatter},
		{"mend", 0, ordered(order{Broken: &[]extent{}})},
		{"slow", 2, slowDown},
		{"count", 0, ordered(order{})},
	}
}

// on is a command that works on the mounted file system.
func on(work func(root string, args []string, out io.Writer) error) func(context.Context, []string, io.Writer) error {
	return func(_ context.Context, args []string, out io.Writer) error {
		return mounted(func(root string) error { return work(root, args, out) })
	}
}

// ordered is a command that only tells the holder, and prints its counters.
func ordered(given order) func(context.Context, []string, io.Writer) error {
	return func(ctx context.Context, _ []string, out io.Writer) error {
		counted, err := tell(ctx, given)
		if err == nil {
			fmt.Fprintln(out, counted.Refused, counted.Delayed)
		}
		return err
	}
}

// shatter has reads and writes of a file, or of what is in a folder now, refused. The path is one below the file system's root.
func shatter(ctx context.Context, args []string, out io.Writer) error {
	return mounted(func(root string) error {
		broken, err := extentsOf(filepath.Join(root, args[0]))
		if err != nil {
			return err
		}
		return ordered(order{Broken: &broken})(ctx, nil, out)
	})
}

// slowDown has each flush take so many microseconds longer, and so many bytes pass in a second.
func slowDown(ctx context.Context, args []string, out io.Writer) error {
	micros, err := strconv.ParseUint(args[0], 10, 40)
	if err != nil {
		return fmt.Errorf("disk slow: %w", err)
	}
	rate, err := strconv.ParseUint(args[1], 10, 40)
	if err != nil {
		return fmt.Errorf("disk slow: %w", err)
	}
	slow := slowness{Sync: time.Duration(micros) * time.Microsecond, Rate: int64(rate)}
	return ordered(order{Slow: &slow})(ctx, nil, out)
}

// The ioctl by which ext4 and xfs stop at once, and what says that nothing more is written, not even the journal
// (EXT4_IOC_SHUTDOWN and EXT4_GOING_FLAGS_NOLOGFLUSH in fs/ext4/ext4.h).
const (
	shutdownRequest = 0x8004587d
	noLogFlush      = 2
)

// syncAll writes what was written so far to the disk.
func syncAll(root string) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

// lose stops the file system as if the power had gone: what was not synced is never written.
func lose(root string) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	flags := uint32(noLogFlush)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, dir.Fd(), shutdownRequest, uintptr(unsafe.Pointer(&flags)))
	if errno != 0 {
		return fmt.Errorf("shut down the file system: %w", errno)
	}
	return nil
}

// abort makes the file system read-only as after an error of its own, though files are open for writing.
func abort(root string) error {
	if err := unix.Mount("", root, "", unix.MS_REMOUNT, "abort"); err != nil && !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("abort the file system: %w", err)
	}
	return nil
}

// try writes a file, syncs and removes it.
func try(root string) error {
	path := filepath.Join(root, "crucible-try")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString("tried")
	return errors.Join(err, file.Sync(), file.Close(), os.Remove(path))
}

// ballastName is the file that fills the file system.
const ballastName = "crucible-ballast"

// fill takes all space. Nothing is written: the blocks are reserved.
func fill(root string) error {
	file, err := os.OpenFile(filepath.Join(root, ballastName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	defer file.Close()
	at, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	for {
		free, err := freeBytes(root)
		if err != nil {
			return err
		}
		grown, err := grow(file, at, int64(free))
		if err != nil || grown == 0 {
			return err
		}
		at += grown
	}
}

// grow reserves as much as there is, up to a length; the file system needs blocks for its own bookkeeping too.
func grow(file *os.File, at, length int64) (int64, error) {
	for ; length >= block; length /= 2 {
		err := unix.Fallocate(int(file.Fd()), 0, at, length/block*block)
		if err == nil {
			return length / block * block, nil
		}
		if !errors.Is(err, unix.ENOSPC) {
			return 0, fmt.Errorf("fill: %w", err)
		}
	}
	return 0, nil
}

// drain gives the space back.
func drain(root string) error {
	err := os.Remove(filepath.Join(root, ballastName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func freeBytes(root string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(root, &stat); err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}

// state prints the free space in bytes and the file system's options.
func state(root string, out io.Writer) error {
	free, err := freeBytes(root)
	if err != nil {
		return err
	}
	shown, err := options(root)
	fmt.Fprintln(out, free, shown)
	return err
}

// read prints a file, or nothing if there is none.
func read(root, name string, out io.Writer) error {
	text, err := os.ReadFile(filepath.Join(root, filepath.Base(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	fmt.Fprint(out, string(text))
	return err
}
