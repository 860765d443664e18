package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

// Stage is what a story plays on: a pair under load, and what can be done to it. Its methods are called from the story's
// goroutine; each returns when it is done, and what it did is in the record.
type Stage struct {
	cluster   *cluster.Cluster
	setup     Setup
	procedure procedure.Procedure
	recorder  *history.Recorder
	faults    *fault.Runner
	random    *rand.Rand
	acks      *acks
	crew      *crew
	first     string // the primary at the start
	edge      *edge
	log       func(step string)
	behind    *cluster.Node // the standby that was made to fall behind
	caughtUp  bool          // it was let go

	mu     sync.Mutex
	plan   []string
	points map[procedure.Point]fault.Fault
	hooked error // of faults injected at points
	stays  int   // how many crews of clients stayed with a node
}

// Cluster is the pair.
func (s *Stage) Cluster() *cluster.Cluster { return s.cluster }

// Random is the run's generator: all that a story draws is drawn from it, so that the seed replays it.
func (s *Stage) Random() *rand.Rand { return s.random }

// Primary asks who the primary is. None and two are errors.
func (s *Stage) Primary(ctx context.Context) (*cluster.Node, error) { return s.cluster.Primary(ctx) }

// Standby asks who the standby is. None and two are errors.
func (s *Stage) Standby(ctx context.Context) (*cluster.Node, error) {
	standbys, err := s.cluster.Standbys(ctx)
	if err == nil && len(standbys) != 1 {
		err = fmt.Errorf("%d nodes are standbys, want one", len(standbys))
	}
	if err != nil {
		return nil, err
	}
	return standbys[0], nil
}

// settlePhase is the longest time that Settle adds at random, so that faults do not always meet the same moment of the
// clients' and PostgreSQL's own rhythms. Of those the checkpoint is the slowest: one begins at a drawn moment while the clients
// write, so that a fault meets it at any stage, or some time after it.
const settlePhase = 500 * time.Millisecond

// Settle lets the clients write for a while, plus a phase drawn from the seed, and until as many writes were acknowledged as
// the verdicts need; if those do not come the story goes on, and the verdict will be unknown. Then the standby falls behind, if
// the run asks for that.
func (s *Stage) Settle(ctx context.Context, atLeast time.Duration) error {
	phase := time.Duration(s.random.Int64N(int64(settlePhase)))
	since := time.Duration(s.random.Int64N(int64(atLeast + phase + 1)))
	s.Plan("settle for %v and %v, with a checkpoint %v before the end", atLeast, phase, since)
	if err := s.pass(ctx, atLeast+phase-since); err != nil {
		return err
	}
	s.beginCheckpoint(ctx)
	if err := s.pass(ctx, since); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_ = s.acks.wait(limited, 0, s.setup.MinBefore, anyAck)
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.FallBehind(ctx)
}

// beginCheckpoint does not wait for its end: the fault may come in its midst, and then there is no answer.
func (s *Stage) beginCheckpoint(ctx context.Context) {
	primary, err := s.Primary(ctx)
	if err != nil {
		return // none or two: the story finds that out where it matters to it
	}
	go func() { _ = primary.SQL(ctx, `checkpoint`) }() // a primary that dies meanwhile says nothing
}

// pass lets time go by.
func (s *Stage) pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Plan puts what was drawn into the run's manifest.
func (s *Stage) Plan(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = append(s.plan, fmt.Sprintf(format, args...))
}

// Mark has a moment remembered.
func (s *Stage) Mark(detail string) {
	now := s.recorder.Now()
	s.recorder.Span(history.Span{Name: history.SpanMark, Detail: detail, Start: now, End: now})
}

// Acknowledged waits until n further writes were acknowledged, by whichever node.
func (s *Stage) Acknowledged(ctx context.Context, n int) error {
	return s.acknowledged(ctx, n, "anyone", anyAck)
}

// AcknowledgedBy waits until n further writes were acknowledged by one node.
func (s *Stage) AcknowledgedBy(ctx context.Context, node *cluster.Node, n int) error {
	return s.acknowledged(ctx, n, node.Name(), func(a ack) bool { return a.node == node.Name() })
}

// acknowledgeWithin is how long a story waits for writes that should be acknowledged.
const acknowledgeWithin = 60 * time.Second

func (s *Stage) acknowledged(ctx context.Context, n int, who string, match func(ack) bool) error {
	s.log(fmt.Sprintf("%d writes acknowledged by %s", n, who))
	ctx, cancel := context.WithTimeout(ctx, acknowledgeWithin)
	defer cancel()
	if err := s.acks.wait(ctx, s.acks.len(), n, match); err != nil {
		return fmt.Errorf("wait for %d writes acknowledged by %s: %w", n, who, err)
	}
	return nil
}
