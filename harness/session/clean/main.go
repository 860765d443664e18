// Command clean removes from the engine what no running test process owns: pairs that were kept, what a reaper could not remove, and cached
// images of sandboxes and templates.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	removed, err := session.Sweep(ctx)
	images, forgot := image.Forget(ctx)
	removed, err = append(removed, images...), errors.Join(err, forgot)
	for _, thing := range removed {
		fmt.Println("removed", thing)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgcrucible:", err)
		os.Exit(2)
	}
}
