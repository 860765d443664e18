//go:build linux

package vdso

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// State is a process and which clock it has.
type State struct {
	PID   int    `json:"pid"`
	Clock string `json:"clock"`
}

// Clocks that a process can have.
const (
	True  = "true"  // the kernel's
	Wrong = "wrong" // the one that was asked for
	Other = "other" // neither: another shift, or half of one
)

// Named lists the processes whose program has one of the names, in the order of their PIDs: parents come before children.
func Named(names ...string) ([]int, error) {
	comms, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, path := range comms {
		comm, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		if !slices.Contains(names, strings.TrimSpace(string(comm))) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, nil
}

// State says which clock a process has; wrong is the image as Shifted makes it. A process that has ended is os.ErrNotExist.
func (i *Image) State(pid int, wrong []byte) (State, error) {
	_, content, err := read(pid)
	if err != nil {
		return State{}, err
	}
	state := State{PID: pid, Clock: Other}
	switch {
	case bytes.Equal(content, i.content):
		state.Clock = True
	case wrong != nil && bytes.Equal(content, wrong):
		state.Clock = Wrong
	}
	return state, nil
}

// read reads a process's vDSO. It needs CAP_SYS_PTRACE, or to be of the process's own user.
func read(pid int) (base uint64, content []byte, err error) {
	base, size, err := find(strconv.Itoa(pid))
	if err != nil {
		return 0, nil, ended(pid, err)
	}
	content = make([]byte, size)
	n, err := peek(pid, base, content)
	if err == nil && n < len(content) {
		err = fmt.Errorf("%d of %d bytes could be read", n, len(content))
	}
	if err != nil {
		return 0, nil, ended(pid, fmt.Errorf("read the vDSO of process %d: %w", pid, err))
	}
	return base, content, nil
}

// peek reads memory, less of it where not all is mapped.
func peek(pid int, from uint64, into []byte) (int, error) {
	local := unix.Iovec{Base: &into[0]}
	local.SetLen(len(into))
	return unix.ProcessVMReadv(pid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(from), Len: len(into)}}, 0)
}

// ended turns an error about a process that is no more, or that nobody has waited for yet, into os.ErrNotExist.
func ended(pid int, err error) error {
	if errors.Is(err, unix.ESRCH) {
		return os.ErrNotExist
	}
	status, statErr := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(statErr, os.ErrNotExist) || errors.Is(statErr, unix.ESRCH) {
		return os.ErrNotExist
	}
	if end := bytes.LastIndexByte(status, ')'); end >= 0 && end+2 < len(status) && strings.ContainsRune("ZX", rune(status[end+2])) {
		return os.ErrNotExist
	}
	return err
}
