// Mkimage makes the file system that the agent's disks begin with: an empty ext4 without lost+found (the engine copies an image's
// folder into an empty volume only), without blocks reserved for root, every block of zeros left out.
//
// Usage: go generate ./fault/agent/disk (in this repository, on Linux with e2fsprogs). It is run when the file system is to change, never
// on a user's machine.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// The file system's size and its blocks', in bytes.
const (
	size  = 2 << 30
	block = 4096
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, to string) (err error) {
	dir, err := os.MkdirTemp("", "mkimage-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	image := filepath.Join(dir, "image")
	for _, argv := range [][]string{
		{
			"mkfs.ext4", "-q", "-F", "-b", fmt.Sprint(block), "-m", "0", "-N", "16384", "-J", "size=16", "-E", "lazy_itable_init=0,lazy_journal_init=0",
			"-U", "70676372-7563-6962-6c65-000000000000", image, fmt.Sprint(size/1024) + "k",
		},
		{"debugfs", "-w", "-R", "rmdir lost+found", image},
	} {
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", argv[0], err, out)
		}
	}
	packed, err := pack(image)
	if err != nil {
		return err
	}
	return os.WriteFile(to, packed, 0o644)
}

// pack writes the size, then each block that is not all zeros behind its number, all big-endian and compressed.
func pack(image string) ([]byte, error) {
	in, err := os.Open(image)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var out bytes.Buffer
	packed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := packed.Write(binary.BigEndian.AppendUint64(nil, size)); err != nil {
		return nil, err
	}
	content := make([]byte, block)
	for number := uint32(0); ; number++ {
		if _, err := io.ReadFull(in, content); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if len(bytes.Trim(content, "\x00")) == 0 {
			continue
		}
		if _, err := packed.Write(append(binary.BigEndian.AppendUint32(nil, number), content...)); err != nil {
			return nil, err
		}
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
