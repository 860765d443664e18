package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The ioctl that says where a file's bytes are on the disk, and its structures (include/uapi/linux/fiemap.h).
const (
	fiemapRequest = 0xc020660b
	fiemapSync    = 1
	fiemapLast    = 1 // of an extent: no other comes after it
	// Extents whose place is not known or not their own: not allocated yet, or inside an inode.
	fiemapElsewhere = 0x2 | 0x4 | 0x200
	fiemapCount     = 64 // extents a call
)

type fiemapExtent struct {
	Logical, Physical, Length uint64
	_                         [2]uint64
	Flags                     uint32
	_                         [3]uint32
}

type fiemap struct {
	Start, Length        uint64
	Flags, Mapped, Count uint32
	_                    uint32
	Extents              [fiemapCount]fiemapExtent
}

// extentsOf says where a file's bytes are, or those of every file of a folder. The kernel then forgets what it has in memory of
// them, so that they must be read from the disk again.
func extentsOf(path string) (all []extent, err error) {
	err = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		of, err := fileExtents(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // it went meanwhile
		}
		all = append(all, of...)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: nothing of it is on the disk", path)
	}
	return all, err
}

func fileExtents(path string) ([]extent, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []extent
	for from := uint64(0); ; {
		ask := fiemap{Start: from, Length: ^uint64(0) - from, Flags: fiemapSync, Count: fiemapCount}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), fiemapRequest, uintptr(unsafe.Pointer(&ask))); errno != 0 {
			return nil, fmt.Errorf("where %s is on the disk: %w", path, errno)
		}
		last := ask.Mapped == 0
		for _, e := range ask.Extents[:ask.Mapped] {
			if e.Flags&fiemapElsewhere == 0 {
				found = append(found, extent{int64(e.Physical), int64(e.Length)})
			}
			last = last || e.Flags&fiemapLast != 0
			from = e.Logical + e.Length
		}
		if last {
			return found, unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
		}
	}
}

// probe reads the first block of a file, or of the first file of a folder, from the disk itself.
func probe(path string) error {
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if err := readDirect(path); err != nil {
			return err
		}
		return fs.SkipAll
	})
	return err
}

func readDirect(path string) error {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	memory, err := unix.Mmap(-1, 0, block, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned, as O_DIRECT wants it
	if err != nil {
		return err
	}
	if _, err = file.ReadAt(memory, 0); errors.Is(err, io.EOF) {
		err = nil // it is shorter
	}
	return errors.Join(err, unix.Munmap(memory))
}
