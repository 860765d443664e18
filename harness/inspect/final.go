package inspect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

const (
	openTimeout  = 5 * time.Second        // to connect to a node: one that hangs must not hold up the others
	quietTimeout = 10 * time.Second       // for the last writes to end, and for a standby to replay them
	readTimeout  = 60 * time.Second       // to read one node
	between      = 20 * time.Millisecond  // two looks at something that is waited for
	again        = 500 * time.Millisecond // before contents that changed while they were read are read once more
	readings     = 3                      // of such contents, at most
)

// Final reads everything that history.NodeState has from every node of the cluster, in its order.
//
// If there is one primary, a marker row is written there first, and contents are read at one LSN: once no client
// writes and every standby has replayed all that was written. The standbys are read before the primary, because with
// data checksums the first read of a page after a checkpoint can send the whole page to the standbys (hint bits are set),
// which would mend what is wrong there. Contents that differ are read again, up to three times, but only if somebody
// wrote in between. With no primary, or with two, every node is read as it is.
//
// It returns an error only if there is nothing to read; a node that cannot be read has it in its Err.
func Final(ctx context.Context, c *cluster.Cluster) ([]history.NodeState, error) {
	if len(c.Nodes()) == 0 {
		return nil, errors.New("read the nodes: the cluster has none")
	}
	all := make([]*reader, len(c.Nodes()))
	for i, node := range c.Nodes() {
		all[i] = &reader{node: node, state: history.NodeState{Node: node.Name()}}
	}
	each(all, func(r *reader) { r.open(ctx) })
	defer each(all, func(r *reader) { r.close(ctx) })
	primary := only(all)
	if primary != nil {
		primary.note("write the marker row", mark(ctx, c, primary.node))
	}
	each(all, func(r *reader) { r.files(ctx) })
	readContents(ctx, all, primary)
	each(all, func(r *reader) { r.server(ctx) })

	states := make([]history.NodeState, len(all))
	for i, r := range all {
		states[i] = r.finish()
	}
	return states, nil
}

// mark writes a row after everything else: a standby that has it has followed the last promotion.
func mark(ctx context.Context, c *cluster.Cluster, primary *cluster.Node) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	_, err := c.Mark(ctx, primary)
	return err
}

// each does the same for all nodes at once.
func each(all []*reader, do func(*reader)) {
	var group errgroup.Group
	for _, r := range all {
		group.Go(func() error { do(r); return nil })
	}
	_ = group.Wait() // nothing in it returns an error: those are noted with their nodes
}

// only is the one primary; nil if there is none or more than one.
func only(all []*reader) *reader {
	var found *reader
	for _, r := range all {
		switch {
		case !r.state.Up || r.state.InRecovery:
		case found != nil:
			return nil
		default:
			found = r
		}
	}
	return found
}

// readContents reads until the nodes agree, or disagree although nobody wrote in between.
func readContents(ctx context.Context, all []*reader, primary *reader) {
	if primary == nil {
		each(all, func(r *reader) { r.note("contents", r.contents(ctx, 0)) })
		return
	}
	for reading := 1; ; reading++ {
		began, target := primary.quiet(ctx)
		each(all, func(r *reader) {
			if r != primary {
				r.note("contents", r.contents(ctx, target))
			}
		})
		primary.note("contents", primary.contents(ctx, target))
		primary.state.LSN = target // this is where contents are compared
		if reading == readings || primary.horizon == began || agree(all) || !pause(ctx, again) {
			return
		}
	}
}

// agree says whether every node that is up has the same contents, and all of it was read.
func agree(all []*reader) bool {
	var first *history.NodeState
	for _, r := range all {
		switch {
		case !r.state.Up:
		case r.errs["contents"] != nil:
			return false
		case first == nil:
			first = &r.state
		case !maps.Equal(first.Tables, r.state.Tables) || first.Schema != r.state.Schema || !maps.Equal(first.Roles, r.state.Roles):
			return false
		}
	}
	return true
}

// pause returns true after d, false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// until asks again and again until yes or an error; what is the complaint if the time is up.
func until(ctx context.Context, limit time.Duration, what string, yes func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		done, err := yes()
		if err != nil || done {
			return err
		}
		if !pause(ctx, between) {
			return fmt.Errorf("%s: not within %v", what, limit)
		}
	}
}

// firstLine is for errors of programs that say a lot.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
