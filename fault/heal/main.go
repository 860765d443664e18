// Heal takes back what testers broke that are dead now: it looks for the journals of their intents and reverts what is
// open in them, newest first. It touches nothing of a tester that is alive.
//
// Usage: go run ./fault/heal [-dir folder]. It prints a line an action and ends with status 1 if something could not be
// taken back; its journal is then left for the next attempt.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pgcrucible/pgcrucible/fault/intent"
)

func main() {
	dir := flag.String("dir", intent.Dir(), "folder of the journals")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	healer := &healer{engine: &docker{}, out: os.Stdout}
	if err := healer.run(ctx, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "heal:", err)
		os.Exit(1)
	}
}
