package vdso

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Times of a change.
const (
	changeWithin = 20 * time.Second       // for one process, which the kernel may hold in a write to disk
	lookEvery    = time.Millisecond       // at a process that has not stopped yet, or that is in the way
	stackBytes   = 4096                   // of the stack that are searched for a way back into what is changed
	eventStop    = unix.PTRACE_EVENT_STOP // in the upper half of a status: stopped because we asked
)

// Make gives a process an image that Shifted made, or with nil the kernel's own. It stops the process for a moment. The calling
// goroutine must be locked to its thread. A process that has ended is os.ErrNotExist.
func (i *Image) Make(ctx context.Context, pid int, wanted []byte) error {
	if wanted == nil {
		wanted = i.content
	}
	ctx, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	for {
		done, err := i.attempt(ctx, pid, wanted)
		if err != nil {
			return ended(pid, fmt.Errorf("change the clock of process %d: %w", pid, err))
		}
		if done {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("change the clock of process %d: it was always reading it: %w", pid, err)
		}
	}
}

// attempt is not done if the process is where it must not be changed.
func (i *Image) attempt(ctx context.Context, pid int, wanted []byte) (done bool, err error) {
	base, content, err := read(pid)
	if err != nil {
		return false, err
	}
	if bytes.Equal(content, wanted) {
		return true, nil
	}
	if !i.ours(content) {
		return false, errors.New("its vDSO is neither the kernel's nor what a shift makes of it")
	}
	if err := unix.PtraceSeize(pid); err != nil {
		return false, fmt.Errorf("trace it: %w", err)
	}
	if err := stop(ctx, pid); err != nil {
		return false, err
	}
	quiet, err := i.quiet(pid, base)
	if err == nil && quiet {
		err = write(pid, base, content, wanted, i.room)
	}
	return quiet, errors.Join(err, unix.PtraceDetach(pid))
}

// stop waits until the traced process stands still. Signals that come to it meanwhile are passed on.
func stop(ctx context.Context, pid int) error {
	if err := unix.PtraceInterrupt(pid); err != nil {
		return fmt.Errorf("stop it: %w", err)
	}
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("stop it: %w", err)
		case got == pid && (status.Exited() || status.Signaled()):
			return os.ErrNotExist
		case got == pid && int(status)>>16 == eventStop:
			return nil
		case got == pid && status.Stopped():
			if err := unix.PtraceCont(pid, int(status.StopSignal())); err != nil {
				return fmt.Errorf("pass a signal on: %w", err)
			}
		default:
			if err := pause(ctx); err != nil {
				return fmt.Errorf("stop it: %w", err)
			}
		}
	}
}

// quiet says that a stopped process neither is in the midst of what will be written, nor will come back there from a signal handler.
func (i *Image) quiet(pid int, base uint64) (bool, error) {
	var registers unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &registers); err != nil {
		return false, fmt.Errorf("read its registers: %w", err)
	}
	if i.touched(registers.Rip - base) {
		return false, nil
	}
	stack := make([]byte, stackBytes)
	from := registers.Rsp &^ 7
	n, err := peek(pid, from, stack)
	if err != nil {
		return false, fmt.Errorf("read its stack: %w", err)
	}
	for at := 0; at+8 <= n; at += 8 {
		if i.touched(binary.LittleEndian.Uint64(stack[at:]) - base) {
			return false, nil
		}
	}
	return true, nil
}

// write changes the words that differ, each as a whole. The machine code is there before the jumps to it and goes after them, so that
// a process whose tracer dies half-way works all the same.
func write(pid int, base uint64, content, wanted []byte, room uint64) error {
	var words []uint64
	for at := uint64(0); at < uint64(len(wanted)); at += 8 {
		if !bytes.Equal(content[at:at+8], wanted[at:at+8]) {
			words = append(words, at)
		}
	}
	if wanted[room] != 0 { // it gets the machine code, which stands behind the functions
		slices.Reverse(words)
	}
	for _, at := range words {
		if _, err := unix.PtracePokeData(pid, uintptr(base+at), wanted[at:at+8]); err != nil {
			return fmt.Errorf("write its vDSO: %w", err)
		}
	}
	return nil
}

// pause waits for a moment or until ctx ends.
func pause(ctx context.Context) error {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
