// Clock moves the clock of PostgreSQL's processes. It runs in a container of the sandbox image that shares the processes of
// PostgreSQL's container, as root with the capability SYS_PTRACE and no other, for as long as a clock fault is in effect.
//
// Usage: clock hold SHIFT | clock state SHIFT | clock clear
//
// hold gives every process of PostgreSQL the shift (package shift, as JSON), prints "wrong since" and the moment in nanoseconds, and
// goes on looking for processes that a later start of PostgreSQL makes, until SIGTERM; it leaves the clocks wrong. state prints a line
// of JSON for each process. clear ends every hold, gives every process the kernel's clock and sees that they have it. It needs nothing
// but what it finds, so it heals what a dead tester left. Status 1: it could not be done.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
	"github.com/pgcrucible/pgcrucible/fault/clock/vdso"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	runtime.LockOSThread() // a traced process obeys the thread that traces it only
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clock:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	image, err := vdso.Own()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "clear":
		return clearAll(ctx, image)
	case len(args) == 2 && (args[0] == "hold" || args[0] == "state"):
		var s shift.Shift
		if err := json.Unmarshal([]byte(args[1]), &s); err != nil {
			return fmt.Errorf("read the shift: %w", err)
		}
		wrong, err := image.Shifted(s)
		if err != nil {
			return err
		}
		if args[0] == "hold" {
			return hold(ctx, image, wrong)
		}
		return state(image, wrong)
	}
	return fmt.Errorf("unknown arguments %q: want hold SHIFT, state SHIFT or clear", args)
}
