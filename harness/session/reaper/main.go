// Command reaper outlives the test process that started it and then removes what that process left on the engine.
//
// Its standard input is a connection that the test process holds open, by way of the engine. The kernel closes that connection however the
// process ends, so the end of the input is the end of the process. Lines on the input, each answered by one line "ok":
//
//	keep KEY=VALUE     spare what carries this label
//	release KEY=VALUE  no longer
//
// usage: reaper watch LABEL    remove everything that carries LABEL; the engine's socket is at /engine.sock
// usage: reaper mark           remove nothing: only show, by running, that the process lives
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/session/sweep"
)

const (
	socket = "/engine.sock"
	// quiet is how long nothing may have been left before the reaper goes itself: a creation may still be under way in the engine.
	quiet = 2 * time.Second
	// patience is how long the reaper tries; afterwards it says what stayed and why.
	patience = 10 * time.Minute
)

func main() {
	// A signal means that the engine shuts down or a person stops the reaper: neither is the end of the process that is watched.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reaper:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, in io.Reader, out io.Writer) error {
	kept := make(map[string]bool)
	switch {
	case len(arguments) == 1 && arguments[0] == "mark":
		until(ctx, in, out, kept)
		return nil
	case len(arguments) == 2 && arguments[0] == "watch":
	default:
		return fmt.Errorf("want watch LABEL or mark, got %q", arguments)
	}
	label := arguments[1]
	engine := sweep.Dial(func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", socket) })
	if _, err := engine.List(ctx, label); err != nil {
		return err // better now, while there is someone to be told
	}
	if until(ctx, in, out, kept); ctx.Err() != nil {
		return nil //nolint:nilerr // a signal, not the end of the process
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := engine.Clear(ctx, []string{label}, sweep.Sparing(kept), quiet)
	return err
}

// until obeys the lines of in and returns when it ends, or when ctx does.
func until(ctx context.Context, in io.Reader, out io.Writer, kept map[string]bool) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		obey(in, out, kept)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

func obey(in io.Reader, out io.Writer, kept map[string]bool) {
	fmt.Fprintln(out, "ready")
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		verb, label, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "keep":
			kept[label] = true
		case "release":
			delete(kept, label)
		default:
			fmt.Fprintf(out, "unknown word %q\n", verb)
			continue
		}
		fmt.Fprintln(out, "ok")
	}
	// An input that breaks has ended as well.
}
