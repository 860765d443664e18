// Faults prints every fault of the catalogue with what this machine supports, by which mechanism, and why not where not.
// It starts a pair to ask, and removes it.
//
// Usage: go run ./fault/faults [-version 17] [-list]. With -list nothing is started and nothing is asked. Status 2: the pair could
// not be started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
)

// closeWithin bounds the removal of the pair after an interrupt.
const closeWithin = time.Minute

func main() {
	version := flag.String("version", "17", "PostgreSQL's major version")
	list := flag.Bool("list", false, "list the faults and their parameters without asking what is supported")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *version, *list); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, version string, list bool) (err error) {
	if list {
		return print(func(fault.Entry) (string, string) { return "", "" })
	}
	pair, closePair, err := start(ctx, version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closePair()) }()
	return print(func(entry fault.Entry) (supported, why string) { return ask(ctx, pair, entry) })
}

// ask builds the fault with its drawn or default parameters and asks whether it can be done.
func ask(ctx context.Context, pair *cluster.Cluster, entry fault.Entry) (supported, why string) {
	f, err := entry.Example()
	if err == nil {
		err = f.Supported(ctx, pair)
	}
	switch {
	case errors.Is(err, fault.ErrUnsupported):
		return "no", err.Error()
	case err != nil:
		return "?", err.Error()
	}
	if via, ok := f.(fault.Mechanised); ok {
		return "yes", via.Mechanism(ctx, pair)
	}
	return "yes", entry.Mechanism
}

func print(ask func(fault.Entry) (supported, why string)) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, "GROUP\tFAULT\tHERE\tMECHANISM, OR WHY NOT\tIMITATES")
	for _, entry := range fault.Catalogue() {
		supported, why := ask(entry)
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", entry.Group, entry.Usage(), supported, why, entry.Imitates)
	}
	return out.Flush()
}

// start builds a pair in a session of its own; what it returns removes both.
func start(ctx context.Context, version string) (*cluster.Cluster, func() error, error) {
	log := func(line string) { fmt.Fprintln(os.Stderr, line) }
	ready, err := image.Prepare(ctx, image.Want{Version: version}, log)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "pgcrucible-faults-")
	if err != nil {
		return nil, nil, err
	}
	recorder, err := history.Create(filepath.Join(dir, "run"))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	ours, err := session.Open(ctx, ready.Sandbox)
	if err != nil {
		return nil, nil, errors.Join(err, recorder.Close(), os.RemoveAll(dir))
	}
	closeSession := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		return errors.Join(ours.Close(ctx), recorder.Close(), os.RemoveAll(dir))
	}
	// Synchronous: some faults need a commit that waits for the standby.
	config := cluster.Config{Topology: cluster.Pair(cluster.Sync), Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: ours.Labels(), Recorder: recorder}
	config.Topology.Disk = cluster.LoopDisk
	pair, err := cluster.Start(ctx, config)
	if errors.Is(err, cluster.ErrDisk) {
		log(err.Error())
		config.Topology.Disk = cluster.VolumeDisk
		pair, err = cluster.Start(ctx, config)
	}
	if err != nil {
		return nil, nil, errors.Join(err, closeSession())
	}
	return pair, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		return errors.Join(pair.Close(ctx), closeSession())
	}, nil
}
