package workload

import (
	"context"
	"math/rand/v2"
	"time"
)

// clock is the run's clock, as history.Recorder has it.
type clock interface{ Now() time.Duration }

// schedule is when one client's operations are due: every so long from a phase of its own on.
type schedule struct {
	phase, every time.Duration // every 0: always due
	next         time.Duration
	timer        *time.Timer
}

// newSchedule is the schedule of client i of n that together start rate operations a second. The clients take turns
// evenly, each moved within its turn by a drawn phase, so that no two runs of different seeds meet a fault alike.
func newSchedule(n int, rate float64, i int, random *rand.Rand) *schedule {
	if rate == 0 {
		return &schedule{}
	}
	turn := float64(time.Second) / rate
	return &schedule{
		phase: time.Duration((float64(i) + random.Float64()) * turn),
		every: max(time.Duration(turn*float64(n)), 1),
	}
}

// begin counts the phase from now.
func (s *schedule) begin(now time.Duration) { s.next = now + s.phase }

// wait returns when the next operation is due, or at once if it is overdue, with the moment it was due at; false: ctx ended.
func (s *schedule) wait(ctx context.Context, clock clock) (time.Duration, bool) {
	now := clock.Now()
	if s.every == 0 {
		return now, ctx.Err() == nil
	}
	due := s.next
	if due > now && !s.pause(ctx, due-now) || ctx.Err() != nil {
		return 0, false
	}
	s.next = due + s.every
	return due, true
}

// pause returns true after d, false if ctx ended before.
func (s *schedule) pause(ctx context.Context, d time.Duration) bool {
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	select {
	case <-ctx.Done():
		s.timer.Stop()
		return false
	case <-s.timer.C:
		return true
	}
}
