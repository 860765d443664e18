// Command clean removes from the engine what no running test process owns: pairs that were kept, and what a reaper could not remove.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/session"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	removed, err := session.Sweep(ctx)
	for _, thing := range removed {
		fmt.Println("removed", thing)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgcrucible:", err)
		os.Exit(2)
	}
}
