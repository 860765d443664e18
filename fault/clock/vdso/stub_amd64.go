package vdso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unsafe"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
)

// stubText is where the template is in this program's own text.
func stubText() *byte

// call calls a C function of two arguments that needs hardly any stack: by it the test runs the machine code.
func call(function, a, b uintptr) uintptr

// Marks in the template, each there once.
const (
	anchorMark = 0x7f43525543490001 + iota
	rateMark
	phaseMark
	offsetMark
	endMark
)

// longest bounds the search for the template's end.
const longest = 512

// stub is the machine code for a shift.
func stub(s shift.Shift) ([]byte, error) {
	template := unsafe.Slice(stubText(), longest)
	end := bytes.Index(template, word(endMark))
	if end < 0 {
		return nil, errors.New("the machine code has no end")
	}
	code := bytes.Clone(template[:end])
	for mark, value := range map[uint64]int64{anchorMark: s.Anchor, rateMark: s.Rate, phaseMark: s.Phase, offsetMark: s.Offset} {
		at := bytes.Index(code, word(mark))
		if at < 0 {
			return nil, errors.New("the machine code has no place for a number of the shift")
		}
		copy(code[at:], word(uint64(value)))
	}
	return code, nil
}

// entry is the first eight bytes of a function from which the stub is jumped to: mov al, kind; jmp stub. The eighth stays.
func entry(kind int, at, stub uint64, was []byte) []byte {
	code := []byte{0xb0, byte(kind), 0xe9, 0, 0, 0, 0, was[7]}
	binary.LittleEndian.PutUint32(code[3:], uint32(int32(int64(stub)-int64(at)-7)))
	return code
}

func word(value uint64) []byte { return binary.LittleEndian.AppendUint64(nil, value) }
