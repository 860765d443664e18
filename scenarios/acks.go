package scenarios

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// ack is an acknowledged write, as the clients heard it: what a story steers by, and what it may expect to be lost.
type ack struct {
	token    string
	node     string
	timeline pg.Timeline
	lsn      pg.LSN // after the row's record, before its commit's
}

// acks are all acknowledged writes of a run so far, in the order in which they were heard.
type acks struct {
	mu  sync.Mutex
	all []ack
}

const acksEvery = time.Millisecond

func anyAck(ack) bool { return true }

// heard takes an operation, if it is an acknowledged write.
func (a *acks) heard(op history.Op) {
	if op.Kind != history.Append || op.Outcome != history.OK {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, ack{op.Token, op.Node, op.Timeline, op.LSN})
}

func (a *acks) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.all)
}

// wait waits until n of the acknowledgements after the first from ones match.
func (a *acks) wait(ctx context.Context, from, n int, match func(ack) bool) error {
	tick := time.NewTicker(acksEvery)
	defer tick.Stop()
	found := 0
	for {
		news := a.after(from)
		from += len(news)
		for _, one := range news {
			if match(one) {
				found++
			}
		}
		if found >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d so far: %w", found, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func (a *acks) after(from int) []ack {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[from:len(a.all):len(a.all)]
}

// edge is a point in a timeline's WAL that was on the standby when it was cut off, with no write under way: whatever the old
// primary acknowledged past it, it alone has.
type edge struct {
	node     string
	timeline pg.Timeline
	lsn      pg.LSN
}

// past are the tokens acknowledged by the edge's node, on its timeline, past the edge.
func (a *acks) past(e edge) []string {
	tokens := []string{}
	for _, one := range a.after(0) {
		if one.node == e.node && one.timeline == e.timeline && one.lsn > e.lsn {
			tokens = append(tokens, one.token)
		}
	}
	return tokens
}
