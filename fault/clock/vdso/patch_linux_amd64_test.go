package vdso

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
)

// childVariable makes this test program a child that says what time it is whenever it is asked.
const childVariable = "PGCRUCIBLE_CLOCK_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(time.Now().UnixNano())
	}
}

// child is asked by a function that returns by how much its clock is ahead.
func child(t *testing.T) (pid int, ahead func() time.Duration) {
	t.Helper()
	command := exec.Command(os.Args[0]) // it ends with its input
	command.Env = append(os.Environ(), childVariable+"=1")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("the child: %v", err)
		}
	})
	return command.Process.Pid, func() time.Duration {
		t.Helper()
		var said int64
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscanln(out, &said); err != nil {
			t.Fatal(err)
		}
		return time.Duration(said - time.Now().UnixNano())
	}
}

func TestAProcessGetsAShiftAndItsOwnBytesBack(t *testing.T) {
	image, err := Own()
	if err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, ahead := child(t)
	seen := func(what, want string, wrong []byte, least, most time.Duration) {
		t.Helper()
		state, err := image.State(pid, wrong)
		if by := ahead(); err != nil || state.Clock != want || by < least || by > most {
			t.Errorf("%s: %+v, %v, ahead by %s", what, state, err, by)
		}
	}
	seen("before", True, nil, -time.Minute, 0)
	for _, offset := range []time.Duration{time.Hour, -2 * time.Hour} { // the second in place of the first
		wrong, err := image.Shifted(shift.Shift{Anchor: time.Now().UnixNano(), Offset: int64(offset), Phase: shift.Never})
		if err != nil {
			t.Fatal(err)
		}
		if err := image.Make(t.Context(), pid, wrong); errors.Is(err, unix.EPERM) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		seen(offset.String(), Wrong, wrong, offset-time.Minute, offset)
		seen(offset.String()+", taken for another", Other, image.content[:8], offset-time.Minute, offset)
	}
	for range 2 { // the second time there is nothing to do
		if err := image.Make(t.Context(), pid, nil); err != nil {
			t.Fatal(err)
		}
		seen("after", True, nil, -time.Minute, 0)
	}
}

func TestAProcessThatHasEnded(t *testing.T) {
	image, err := Own()
	if err != nil {
		t.Skip(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	pid := command.Process.Pid
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if err := image.Make(t.Context(), pid, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a zombie: %v", err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := image.State(pid, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
}

func TestAnImageKnowsItsOwnChanges(t *testing.T) {
	image, err := Own()
	if err != nil {
		t.Skip(err)
	}
	wrong, err := image.Shifted(shift.Shift{Anchor: 1, Phase: shift.Never})
	if err != nil {
		t.Fatal(err)
	}
	if !image.ours(image.content) || !image.ours(wrong) {
		t.Error("its own images are strange to it")
	}
	for _, at := range []uint64{0, image.entries[0] + 8, image.room - 1} {
		strange := append([]byte(nil), wrong...)
		strange[at] ^= 1
		if image.ours(strange) {
			t.Errorf("a change at %#x is taken for its own", at)
		}
	}
	for at, want := range map[uint64]bool{
		image.entries[1]: false, image.entries[1] + 1: true, image.entries[1] + 7: true, image.entries[1] + 8: false,
		image.room: true, uint64(len(image.content)): false,
	} {
		if image.touched(at) != want {
			t.Errorf("%#x touched: %v", at, !want)
		}
	}
}
