package history

import (
	"cmp"
	"slices"
	"time"
)

// Acknowledged are the writes whose commit was acknowledged in full (OK), by the time of their acknowledgement.
func (run *Run) Acknowledged() []*Op {
	found := make([]*Op, 0, len(run.Ops))
	for i := range run.Ops {
		if op := &run.Ops[i]; op.Outcome == OK && op.Kind != Read {
			found = append(found, op)
		}
	}
	slices.SortStableFunc(found, func(a, b *Op) int { return cmp.Compare(a.Return, b.Return) })
	return found
}

// LongestSilence is the longest time of the load without an acknowledged write. It counts the time after the last
// acknowledgement as long as somebody still tried. ok is false if nothing was acknowledged at all.
func (run *Run) LongestSilence() (longest Window, ok bool) {
	for _, gap := range run.gaps() {
		if gap.Length() >= longest.Length() {
			longest, ok = gap.Window, true
		}
	}
	return longest, ok
}

// Outage is the time without an acknowledged write that what was done to the pair has caused: from the last
// acknowledgement before to the first one after, both as the clients received them. What counts is the longest gap
// between the first disturbance and the fail-back.
//
// It is nil if there is none. A gap is an outage if the first write of a new timeline ends it, or if it cannot be one of
// the load's own pauses: at least 10 times the median gap, and half as long again as the longest gap before anything was done.
// An outage that never ended reaches to the last attempt.
func (run *Run) Outage() *Window {
	began, ok := run.Disturbed()
	if !ok {
		return nil
	}
	until := time.Duration(1<<63 - 1)
	if back, ok := run.First(SpanFailback); ok && back.Start > began {
		until = back.Start
	}
	gaps := run.gaps()
	least := pause(gaps, began)
	var found *Window
	for i := range gaps {
		gap := &gaps[i]
		if gap.To < began || gap.From >= until || !gap.moved && gap.Length() < least {
			continue
		}
		if found == nil || gap.Length() > found.Length() {
			found = &gap.Window
		}
	}
	return found
}

// gap is the time between two acknowledgements.
type gap struct {
	Window
	moved bool // it ends with the first write of a timeline, and the timeline before it was written no more
}

func (run *Run) gaps() []gap {
	acks := run.Acknowledged()
	if len(acks) == 0 {
		return nil
	}
	last := make(map[uint32]time.Duration) // timeline -> its last acknowledgement
	for _, op := range acks {
		last[uint32(op.Timeline)] = op.Return
	}
	gaps := make([]gap, 0, len(acks))
	for i := 1; i < len(acks); i++ {
		from, to := acks[i-1], acks[i]
		gaps = append(gaps, gap{
			Window: Window{From: from.Return, To: to.Return},
			moved:  from.Timeline != 0 && from.Timeline < to.Timeline && last[uint32(from.Timeline)] == from.Return,
		})
	}
	final := acks[len(acks)-1].Return
	if tried := run.lastTry(); tried > final {
		gaps = append(gaps, gap{Window: Window{From: final, To: tried}})
	}
	return gaps
}

// lastTry is the latest moment at which a client was still trying to write.
func (run *Run) lastTry() time.Duration {
	var latest time.Duration
	for i := range run.Ops {
		if op := &run.Ops[i]; op.Kind != Read {
			latest = max(latest, op.Call)
			if op.Outcome != OK {
				latest = max(latest, op.Return)
			}
		}
	}
	return latest
}

// pause is the length from which a gap can no longer be one of the load's own.
func pause(gaps []gap, quietUntil time.Duration) time.Duration {
	var quiet []time.Duration
	for _, gap := range gaps {
		if gap.To < quietUntil {
			quiet = append(quiet, gap.Length())
		}
	}
	if len(quiet) == 0 {
		for _, gap := range gaps {
			quiet = append(quiet, gap.Length())
		}
		slices.Sort(quiet)
		return 10 * quiet[len(quiet)/2]
	}
	slices.Sort(quiet)
	return max(10*quiet[len(quiet)/2], quiet[len(quiet)-1]*3/2, time.Millisecond)
}
