//go:build linux

package vdso

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAProcessWithoutMemory: between the release of its memory and its end a process runs, to all appearance, and maps nothing. A zombie
// is as near as a test can come.
func TestAProcessWithoutMemory(t *testing.T) {
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, command.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := find(fmt.Sprint(command.Process.Pid)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}
