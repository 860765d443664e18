// Package vdso moves the clock of running processes: it changes the functions by which they read it without a system call.
//
// The kernel maps the vDSO, a small shared library, into every process. A C library calls its clock_gettime, gettimeofday and time.
// A write to it by a tracer makes a copy of the page that is the process's own and that its later children inherit. Here the first
// instructions of each of the three functions become a jump to machine code that stands in the unused end of the vDSO's last page,
// asks the kernel for the true time and adds a shift. Nothing else of the functions is changed, and putting back the first eight
// bytes of each puts back all of it. A program started by exec has the kernel's vDSO again.
//
// What the bytes should be is known without having been kept: this process has the kernel's vDSO too.
package vdso

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
)

// functions are those that the stub knows, in the order of its kinds.
var functions = [...]string{"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"}

// Image is the kernel's vDSO as every process has it that nobody has changed.
type Image struct {
	content []byte
	entries [len(functions)]uint64 // offsets of the functions
	room    uint64                 // offset from which it is not used
}

// Own reads the vDSO of this process. An error says why a clock cannot be moved here.
func Own() (*Image, error) {
	base, size, err := find("self")
	if err != nil {
		return nil, err
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, fmt.Errorf("read the vDSO: %w", err)
	}
	defer memory.Close()
	content := make([]byte, size)
	if _, err := memory.ReadAt(content, int64(base)); err != nil {
		return nil, fmt.Errorf("read the vDSO: %w", err)
	}
	return parse(content)
}

// Can is empty if clocks of processes can be moved here, as far as can be seen without trying, or the reason why not.
func Can() string {
	if _, err := Own(); err != nil {
		return err.Error()
	}
	scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if err == nil && strings.TrimSpace(string(scope)) == "3" {
		return "kernel.yama.ptrace_scope is 3: nobody may trace"
	}
	return ""
}

// find is where a process has its vDSO.
func find(pid string) (base, size uint64, err error) {
	maps, err := os.ReadFile("/proc/" + pid + "/maps")
	if err != nil {
		return 0, 0, err
	}
	if len(maps) == 0 {
		return 0, 0, os.ErrNotExist // it is about to end and has no memory left
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		from, rest, _ := strings.Cut(line, "-")
		to, _, _ := strings.Cut(rest, " ")
		base, err := strconv.ParseUint(from, 16, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read maps of %s: %w", pid, err)
		}
		end, err := strconv.ParseUint(to, 16, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read maps of %s: %w", pid, err)
		}
		return base, end - base, nil
	}
	return 0, 0, errors.New("the kernel maps no vDSO into processes")
}

// parse finds the functions and the room for the stub.
func parse(content []byte) (*Image, error) {
	code, err := stub(shift.Shift{})
	if err != nil {
		return nil, err
	}
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("read the vDSO: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, fmt.Errorf("read the vDSO: %w", err)
	}
	image := &Image{content: content}
	for kind, name := range functions {
		for _, symbol := range symbols {
			if symbol.Name == name {
				image.entries[kind] = symbol.Value
			}
		}
		if at := image.entries[kind]; at == 0 || at%8 != 0 || at+8 > uint64(len(content)) {
			return nil, fmt.Errorf("the kernel's vDSO has no %s that can be changed", name)
		}
	}
	used := len(bytes.TrimRight(content, "\x00"))
	image.room = uint64(used+15) / 16 * 16
	if left := len(content) - int(image.room); left < len(code)+16 {
		return nil, fmt.Errorf("the kernel's vDSO leaves %d bytes of its last page unused, and the machine code takes %d", left, len(code))
	}
	return image, nil
}

// Shifted is the image as a process has it whose clock is wrong.
func (i *Image) Shifted(s shift.Shift) ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	code, err := stub(s)
	if err != nil {
		return nil, err
	}
	content := bytes.Clone(i.content)
	copy(content[i.room:], code)
	for kind, at := range i.entries {
		copy(content[at:], entry(kind, at, i.room, i.content[at:at+8]))
	}
	return content, nil
}

// ours says whether content differs from the image only where a shift makes it differ.
func (i *Image) ours(content []byte) bool {
	if len(content) != len(i.content) {
		return false
	}
	rest := bytes.Clone(content[:i.room])
	for _, at := range i.entries {
		copy(rest[at:at+8], i.content[at:])
	}
	return bytes.Equal(rest, i.content[:i.room])
}

// touched says whether an address, as an offset, is in the midst of what a change writes: a process that is there must not be changed.
func (i *Image) touched(at uint64) bool {
	for _, entry := range i.entries {
		if at > entry && at < entry+8 {
			return true
		}
	}
	return at >= i.room && at < uint64(len(i.content))
}
