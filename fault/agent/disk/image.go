package disk

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// packed is an empty ext4 as mkimage packs it.
//
//go:embed ext4.packed
var packed []byte

//go:generate go run ./mkimage ext4.packed

// block is the length of a block of the image in bytes.
const block = 4096

// unpack writes the image to a new file; what is zero there takes no space.
func unpack(path string) (file *os.File, err error) {
	in, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack image: %w", err)
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("unpack image: %w", err)
	}
	if err := unpackTo(file, in); err != nil {
		return nil, errors.Join(fmt.Errorf("unpack image: %w", err), file.Close())
	}
	return file, nil
}

func unpackTo(file *os.File, in io.Reader) error {
	var size int64
	if err := binary.Read(in, binary.BigEndian, &size); err != nil {
		return err
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	content := make([]byte, 4+block)
	for {
		if _, err := io.ReadFull(in, content); errors.Is(err, io.EOF) {
			return file.Sync()
		} else if err != nil {
			return err
		}
		at := int64(binary.BigEndian.Uint32(content)) * block
		if _, err := file.WriteAt(content[4:], at); err != nil {
			return err
		}
	}
}
