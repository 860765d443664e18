package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// layer is the image's file as the loop device sees it: what passes can be held up or refused. It is served by FUSE in this
// container's own mounts, and is gone with this process.
type layer struct {
	fs.Inode
	file *os.File
	*trouble
}

const layerName = "disk"

// serveLayer mounts the layer over the file and returns the path under which the kernel finds it.
func serveLayer(folder string, file *os.File, t *trouble) (string, error) {
	if err := node("/dev/fuse", unix.S_IFCHR, miscMajor, fuseMinor); err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	root := &fs.Inode{}
	_, err := fs.Mount(folder, root, &fs.Options{
		MountOptions: fuse.MountOptions{Name: "crucible", DirectMountStrict: true, DisableXAttrs: true},
		OnAdd: func(ctx context.Context) {
			inode := root.NewPersistentInode(ctx, &layer{file: file, trouble: t}, fs.StableAttr{Mode: syscall.S_IFREG})
			root.AddChild(layerName, inode, false)
		},
	})
	if err != nil {
		return "", fmt.Errorf("no layer below the disk, which FUSE would serve: %w", err)
	}
	return folder + "/" + layerName, nil
}

// Getattr gives the size, from which the loop device has its own.
func (l *layer) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	stat, err := l.file.Stat()
	if err != nil {
		return fs.ToErrno(err)
	}
	out.Size, out.Mode, out.Blksize = uint64(stat.Size()), syscall.S_IFREG|0o600, block
	return 0
}

// Open lets nothing be cached: what the node asks of its disk is asked here.
func (l *layer) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read is a read of the disk.
func (l *layer) Read(ctx context.Context, _ fs.FileHandle, into []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	if !l.pass(ctx, at, len(into)) {
		return nil, syscall.EIO
	}
	n, err := l.file.ReadAt(into, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fs.ToErrno(err)
	}
	return fuse.ReadResultData(into[:n]), 0
}

// Write is a write to the disk.
func (l *layer) Write(ctx context.Context, _ fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	if !l.pass(ctx, at, len(data)) {
		return 0, syscall.EIO
	}
	n, err := l.file.WriteAt(data, at)
	return uint32(n), fs.ToErrno(err)
}

// Fsync is a flush of the disk's cache. The file's own blocks are not synced: it is the node that loses its power, not this machine.
func (l *layer) Fsync(ctx context.Context, _ fs.FileHandle, _ uint32) syscall.Errno {
	l.flush(ctx)
	return 0
}

// Allocate takes blocks back that the file system does not need any more.
func (l *layer) Allocate(_ context.Context, _ fs.FileHandle, at, length uint64, mode uint32) syscall.Errno {
	return fs.ToErrno(unix.Fallocate(int(l.file.Fd()), mode, int64(at), int64(length)))
}
