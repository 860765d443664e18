package pg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ControlHead is how much of global/pg_control holds data: it is kept within a disk sector, so that its writing is atomic
// (PG_CONTROL_MAX_SAFE_SIZE in pg_control.h). The rest of the file is padding.
const ControlHead = 512

// ErrControlFile is a pg_control that is not understood.
var ErrControlFile = errors.New("pg_control: no CRC-32C of what stands before it was found")

// SetSystemIdentifier gives a data folder's control file another system identifier and returns the former one. head is
// the first ControlHead bytes of global/pg_control of a cleanly stopped server on a little-endian machine; it is changed in place.
//
// The identifier is the first field, the CRC of all before it the last one (struct ControlFileData in pg_control.h), so the CRC is
// found by looking for it: the struct's length differs between versions. The identifier also stands in the first page of
// every WAL segment: see WALHead.
func SetSystemIdentifier(head []byte, system uint64) (former uint64, err error) {
	end, err := controlEnd(head)
	if err != nil {
		return 0, err
	}
	former = binary.LittleEndian.Uint64(head)
	binary.LittleEndian.PutUint64(head, system)
	binary.LittleEndian.PutUint32(head[end:], crc32.Checksum(head[:end], castagnoli()))
	return former, nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// controlEnd is where the CRC stands. A run of zeros has no CRC of zeros, so padding is not taken for one.
func controlEnd(head []byte) (int, error) {
	const least = 64 // shorter than any version's
	for end := least; end+4 <= min(len(head), ControlHead); end += 4 {
		if binary.LittleEndian.Uint32(head[end:]) == crc32.Checksum(head[:end], castagnoli()) && !zero(head[:end]) {
			return end, nil
		}
	}
	return 0, ErrControlFile
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// WALHead is how much of a WAL segment holds the header of its first page, and WALSystem where the system identifier stands in it
// (struct XLogLongPageHeaderData in xlog_internal.h: behind 20 bytes, padded to 24). That header has no checksum.
const (
	WALHead   = 40
	WALSystem = 24
)

// CheckWALHead says whether a segment's first page is of the system with that identifier.
func CheckWALHead(head []byte, system uint64) error {
	if len(head) < WALHead {
		return fmt.Errorf("WAL segment: %d bytes; want a page header of %d", len(head), WALHead)
	}
	const long = 2 // XLP_LONG_HEADER
	if binary.LittleEndian.Uint16(head[2:])&long == 0 {
		return errors.New("WAL segment: its first page has no long header")
	}
	if found := binary.LittleEndian.Uint64(head[WALSystem:]); found != system {
		return fmt.Errorf("WAL segment: of system %d; want %d", found, system)
	}
	return nil
}

// SystemBytes is a system identifier as it stands in files of a little-endian machine.
func SystemBytes(system uint64) []byte { return binary.LittleEndian.AppendUint64(nil, system) }
