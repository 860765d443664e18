package pg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
)

// controlFile imitates the head of a pg_control whose struct has size bytes before its CRC.
func controlFile(size int, system uint64) []byte {
	head := make([]byte, ControlHead)
	for i := range size {
		head[i] = byte(i*7 + 1)
	}
	binary.LittleEndian.PutUint64(head, system)
	binary.LittleEndian.PutUint32(head[size:], crc32.Checksum(head[:size], crc32.MakeTable(crc32.Castagnoli)))
	return head
}

func TestSetSystemIdentifier(t *testing.T) {
	for _, size := range []int{288, 292, 296} { // PostgreSQL 15 to 18 are near
		head := controlFile(size, 7)
		former, err := SetSystemIdentifier(head, 42)
		if err != nil || former != 7 {
			t.Fatalf("size %d: former %d, %v; want 7", size, former, err)
		}
		if want := controlFile(size, 42); !bytes.Equal(head, want) {
			t.Errorf("size %d: the file is not the one that has 42 from the start", size)
		}
	}
}

func TestSetSystemIdentifierRefuses(t *testing.T) {
	damaged := controlFile(288, 7)
	damaged[100]++
	for name, head := range map[string][]byte{"empty": nil, "zeros": make([]byte, ControlHead), "damaged": damaged, "cut short": controlFile(288, 7)[:290]} {
		before := bytes.Clone(head)
		if _, err := SetSystemIdentifier(head, 42); !errors.Is(err, ErrControlFile) {
			t.Errorf("%s: %v; want ErrControlFile", name, err)
		}
		if !bytes.Equal(before, head) {
			t.Errorf("%s: changed although refused", name)
		}
	}
}

func TestCheckWALHead(t *testing.T) {
	head := make([]byte, WALHead)
	binary.LittleEndian.PutUint16(head[2:], 2)
	copy(head[WALSystem:], SystemBytes(42))
	if err := CheckWALHead(head, 42); err != nil {
		t.Error(err)
	}
	if CheckWALHead(head, 43) == nil || CheckWALHead(head[:WALHead-1], 42) == nil {
		t.Error("took a page of another system, or half a header")
	}
	head[2] = 0
	if CheckWALHead(head, 42) == nil {
		t.Error("took a short header")
	}
}
