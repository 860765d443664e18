package history

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Acknowledged are the writes whose commit was acknowledged in full (OK), by the time of their acknowledgement.
func (run *Run) Acknowledged() []*Op {
	found := make([]*Op, 0, len(run.Ops))
	for i := range run.Ops {
		if op := &run.Ops[i]; op.Outcome == OK && op.Writes() {
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
	episode, ok := run.Episode()
	if !ok {
		return nil
	}
	gaps := run.gaps()
	if len(gaps) == 0 {
		return nil
	}
	least := pause(gaps, episode.From)
	var found *Window
	for i := range gaps {
		gap := &gaps[i]
		if !gap.within(episode) || !gap.moved && gap.Length() < least {
			continue
		}
		if found == nil || gap.Length() > found.Length() {
			found = &gap.Window
		}
	}
	return found
}

// within says whether a gap is of an episode. The one that is open when the fail-back begins is the fail-back's, unless most
// of it lies before.
func (g gap) within(episode Window) bool {
	return g.To >= episode.From && g.From < episode.To && (g.To <= episode.To || episode.To-g.From > g.To-episode.To)
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
	first, last := make(map[pg.Timeline]*Op), make(map[pg.Timeline]*Op) // acknowledgement of each timeline
	for _, op := range acks {
		if first[op.Timeline] == nil {
			first[op.Timeline] = op
		}
		last[op.Timeline] = op
	}
	gaps := make([]gap, 0, len(acks))
	for i := 1; i < len(acks); i++ {
		from, to := acks[i-1], acks[i]
		gaps = append(gaps, gap{
			Window: Window{From: from.Return, To: to.Return},
			moved:  from.Timeline != 0 && from.Timeline < to.Timeline && last[from.Timeline] == from && first[to.Timeline] == to,
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
		if op := &run.Ops[i]; op.Writes() {
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
