package disk

import (
	"context"
	"sync"
	"time"
)

// extent is a part of the disk, in bytes.
type extent struct{ Start, Length int64 }

// slowness is how slow a disk is. Zero fields change nothing.
type slowness struct {
	Sync time.Duration // that each flush of its cache takes longer
	Rate int64         // bytes a second, reads and writes together
}

// counters are what a disk has done to requests since it was made.
type counters struct {
	Refused uint64 // requests that met a broken part
	Delayed uint64 // requests that had to wait
}

// trouble is what the disk does to requests. Its methods may be called from many goroutines.
type trouble struct {
	mu       sync.Mutex
	broken   []extent
	slow     slowness
	changed  chan struct{} // closed when the slowness changes: nobody waits on for what is over
	busyTill time.Time     // with a rate
	count    counters
}

func newTrouble() *trouble { return &trouble{changed: make(chan struct{})} }

// shatter has reads and writes of these parts refused, and those of no other.
func (t *trouble) shatter(broken []extent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = broken
}

// slowDown sets how slow the disk is from now on.
func (t *trouble) slowDown(slow slowness) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slow, t.busyTill = slow, time.Time{}
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *trouble) counted() counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// pass waits for a request's turn and says whether it may be carried out.
func (t *trouble) pass(ctx context.Context, at int64, length int) bool {
	t.mu.Lock()
	for _, e := range t.broken {
		if at < e.Start+e.Length && e.Start < at+int64(length) {
			t.count.Refused++
			t.mu.Unlock()
			return false
		}
	}
	var wait time.Duration
	if t.slow.Rate > 0 {
		now := time.Now()
		if t.busyTill.Before(now) {
			t.busyTill = now
		}
		t.busyTill = t.busyTill.Add(time.Duration(float64(length) / float64(t.slow.Rate) * float64(time.Second)))
		wait = t.busyTill.Sub(now)
	}
	t.hold(ctx, wait)
	return true
}

// flush waits as long as a flush of the cache takes.
func (t *trouble) flush(ctx context.Context) {
	t.mu.Lock()
	t.hold(ctx, t.slow.Sync)
}

// hold is called with the lock and gives it up.
func (t *trouble) hold(ctx context.Context, wait time.Duration) {
	changed := t.changed
	if wait > 0 {
		t.count.Delayed++
	}
	t.mu.Unlock()
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}
