package workload

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// watch is a clock that the test turns.
type watch struct{ now time.Duration }

func (w *watch) Now() time.Duration { return w.now }

func newTestSession(config *pgx.ConnConfig) *session {
	s := newSession(config, 2*time.Second, 1, 0)
	s.reach = s.timeout
	s.statements = map[string]string{"ledger": LedgerInsert}
	return s
}

func TestScheduleTakesTurns(t *testing.T) {
	const clients, rate = 4, 1000.0
	random := rand.New(rand.NewPCG(1, 2))
	for i := range clients {
		s := newSchedule(clients, rate, i, random)
		if s.every != 4*time.Millisecond {
			t.Errorf("client %d starts every %v, want 4ms", i, s.every)
		}
		if from := time.Duration(i) * time.Millisecond; s.phase < from || s.phase >= from+time.Millisecond {
			t.Errorf("client %d begins at %v, want within its turn from %v", i, s.phase, from)
		}
	}
}

func TestMissedStartsAreMadeUpFor(t *testing.T) {
	w := &watch{now: time.Hour}
	s := &schedule{phase: time.Microsecond, every: 10 * time.Millisecond}
	s.begin(w.now)
	w.now += 35 * time.Millisecond // an outage
	for i := range 4 {
		due, ok := s.wait(t.Context(), w)
		if want := time.Hour + time.Microsecond + time.Duration(i)*s.every; !ok || due != want {
			t.Errorf("start %d was due at %v, want %v", i, due, want)
		}
	}
	if s.next <= w.now {
		t.Errorf("the next start at %v is overdue", s.next)
	}
}

func TestWaitingEndsWithTheLoad(t *testing.T) {
	for _, s := range []*schedule{{every: time.Hour, next: 2 * time.Hour}, {every: time.Hour}, {}} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if due, ok := s.wait(ctx, &watch{now: time.Hour}); ok {
			t.Errorf("%+v: a start at %v after the end", s, due)
		}
	}
}
