package inspect

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

const (
	amcheckTimeout  = 2 * time.Minute
	stopTimeout     = 30 * time.Second // a fast stop of a primary waits for its standbys
	checksumTimeout = 2 * time.Minute
)

// Verify looks at the files of every node: with pg_amcheck while PostgreSQL runs, then with pg_checksums, which wants it
// stopped and sees the pages as they are on disk. It stops PostgreSQL on every node, the primaries first, and leaves
// it stopped: it comes last. The results go into the states, which Final has returned; one that could not be had says why.
func Verify(ctx context.Context, c *cluster.Cluster, states []history.NodeState) {
	byName := map[string]*history.NodeState{}
	for i := range states {
		byName[states[i].Node] = &states[i]
	}
	every(c.Nodes(), func(n *cluster.Node) {
		if state := byName[n.Name()]; state != nil {
			state.Amcheck = amcheck(ctx, n, state.Up)
		}
	})
	stopped := stopAll(ctx, c, byName)
	every(c.Nodes(), func(n *cluster.Node) {
		if state := byName[n.Name()]; state != nil {
			state.Checksums = checksums(ctx, n, stopped[n.Name()])
		}
	})
}

func every(nodes []*cluster.Node, do func(*cluster.Node)) {
	var group errgroup.Group
	for _, node := range nodes {
		group.Go(func() error { do(node); return nil })
	}
	_ = group.Wait() // nothing in it returns an error
}

// stopAll returns what went wrong with each node's stop.
func stopAll(ctx context.Context, c *cluster.Cluster, states map[string]*history.NodeState) map[string]error {
	wrong := map[string]error{}
	for _, standbys := range []bool{false, true} {
		for _, node := range c.Nodes() {
			if state := states[node.Name()]; state != nil && state.InRecovery == standbys {
				wrong[node.Name()] = stop(ctx, node)
			}
		}
	}
	return wrong
}

func stop(ctx context.Context, node *cluster.Node) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	running, err := node.Running(ctx)
	if err != nil || !running {
		return err
	}
	return node.Stop(ctx, cluster.Fast)
}

// amcheck checks every table and every B-tree of the workloads' database, its catalogs too. It looks through the server,
// also on a standby. The exit status is 0 if all is sound, 2 if something is not (documentation, "pg_amcheck").
func amcheck(ctx context.Context, node *cluster.Node, up bool) *history.Verification {
	if !up {
		return &history.Verification{Detail: "the server does not answer"}
	}
	ctx, cancel := context.WithTimeout(ctx, amcheckTimeout)
	defer cancel()
	output, err := node.Shell(ctx, `pg_amcheck --heapallindexed --no-password "$1" 2>&1; echo "status $?"`, cluster.Database)
	if err != nil {
		return &history.Verification{Detail: firstLine(err.Error())}
	}
	return judgeAmcheck(output)
}

func judgeAmcheck(output string) *history.Verification {
	text, status := cutLast(output, "status ")
	switch strings.TrimSpace(status) {
	case "0":
		if strings.Contains(text, "amcheck is not installed") {
			return &history.Verification{Detail: firstLine(text)}
		}
		return &history.Verification{Ran: true, Clean: true}
	case "2":
		return &history.Verification{Ran: true, Detail: firstLine(text)}
	}
	return &history.Verification{Detail: firstLine(text)}
}

// checksums checks every page on disk.
func checksums(ctx context.Context, node *cluster.Node, stop error) *history.Verification {
	if stop != nil {
		return &history.Verification{Detail: "the server was not stopped: " + firstLine(stop.Error())}
	}
	ctx, cancel := context.WithTimeout(ctx, checksumTimeout)
	defer cancel()
	output, err := node.Shell(ctx, `pg_checksums --check --pgdata="$1" 2>&1; echo "status $?"`, node.DataDir())
	if err != nil {
		return &history.Verification{Detail: firstLine(err.Error())}
	}
	return judgeChecksums(output)
}

var (
	badBlocks  = regexp.MustCompile(`(?m)^Bad checksums: +(\d+)$`)
	goodBlocks = regexp.MustCompile(`(?m)^Blocks scanned: +([1-9]\d*)$`)
)

// judgeChecksums wants blocks to have been scanned, and none to be bad; the status is 1 for bad blocks and for anything else.
func judgeChecksums(output string) *history.Verification {
	text, status := cutLast(output, "status ")
	bad, scanned := badBlocks.FindStringSubmatch(text), goodBlocks.FindStringSubmatch(text)
	switch {
	case bad != nil && bad[1] != "0":
		return &history.Verification{Ran: true, Detail: fmt.Sprintf("%s bad blocks; %s", bad[1], firstLine(text))}
	case bad != nil && scanned != nil && strings.TrimSpace(status) == "0":
		return &history.Verification{Ran: true, Clean: true, Detail: scanned[1] + " blocks"}
	}
	return &history.Verification{Detail: firstLine(text)}
}

func cutLast(text, separator string) (before, after string) {
	if at := strings.LastIndex(text, separator); at >= 0 {
		return text[:at], text[at+len(separator):]
	}
	return text, ""
}
