package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Named are the spans of these names, in the order in which they began.
func (run *Run) Named(names ...string) []Span {
	var found []Span
	for _, span := range run.Spans {
		if slices.Contains(names, span.Name) {
			found = append(found, span)
		}
	}
	slices.SortStableFunc(found, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	return found
}

// First is the first span of one of these names; ok is false if there is none.
func (run *Run) First(names ...string) (span Span, ok bool) {
	if found := run.Named(names...); len(found) > 0 {
		return found[0], true
	}
	return Span{}, false
}

// Since is the earliest moment at which the effect of a fault may have begun: when it was asked for, if the span says so.
// Its Start is when the effect was certainly there, which on a slow machine can be seconds later.
func (s Span) Since() time.Duration {
	if asked, err := time.ParseDuration(s.Values[ValueAsked]); err == nil {
		return min(asked, s.Start)
	}
	return s.Start
}

// Disturbed is when the story first did something to the pair: a fault, a failover, a switchover.
// ok is false for a run in which nothing was done.
func (run *Run) Disturbed() (at time.Duration, ok bool) {
	for _, span := range run.Named(SpanFault, SpanFailover, SpanSwitch, SpanFailback) {
		if since := span.Since(); !ok || since < at {
			at, ok = since, true
		}
	}
	return at, ok
}

// Episode is the story's first upheaval: from what was done to the pair first up to the fail-back, or to the planned
// switchover that stands for it. Without one it reaches to the end of time. ok is false if nothing was done.
func (run *Run) Episode() (episode Window, ok bool) {
	began, ok := run.Disturbed()
	if !ok {
		return Window{}, false
	}
	episode = Window{From: began, To: time.Duration(1<<63 - 1)}
	moved, moves := run.First(SpanFailover, SpanSwitch)
	for _, span := range run.Named(SpanFailback, SpanSwitch) {
		if span.Start > began && (span.Name == SpanFailback || moves && span.Start >= moved.End) {
			episode.To = span.Start
			break
		}
	}
	return episode, true
}

// Writes says whether the operation changes anything on a primary.
func (op *Op) Writes() bool {
	switch {
	case op.Kind == Read || op.Kind == Balances || op.Standby:
		return false
	case op.Kind == Txn:
		return slices.ContainsFunc(op.Txn, func(a Access) bool { return a.Write })
	}
	return true
}

// FinalPrimary is the one node that is up and not in recovery at the end. None and several are errors that say so.
func (run *Run) FinalPrimary() (*NodeState, error) {
	var primaries []*NodeState
	var names []string
	for i := range run.Final {
		if node := &run.Final[i]; node.Up && !node.InRecovery {
			primaries = append(primaries, node)
			names = append(names, node.Node)
		}
	}
	switch {
	case len(run.Final) == 0:
		return nil, fmt.Errorf("no node was looked at when the run was over")
	case len(primaries) == 0:
		return nil, fmt.Errorf("none of the %d nodes is a primary at the end", len(run.Final))
	case len(primaries) > 1:
		return nil, fmt.Errorf("%s are both primaries at the end", strings.Join(names, " and "))
	}
	return primaries[0], nil
}

// LoadWindow is the time in which clients worked: the load's spans, or without them from the first operation to the last.
// It is empty if there is neither.
func (run *Run) LoadWindow() Window {
	var w Window
	grow := func(from, to time.Duration) {
		if w == (Window{}) {
			w = Window{From: from, To: to}
			return
		}
		w = Window{From: min(w.From, from), To: max(w.To, to)}
	}
	for _, span := range run.Named(SpanLoad) {
		grow(span.Start, span.End)
	}
	if w != (Window{}) {
		return w
	}
	for i := range run.Ops {
		grow(run.Ops[i].Call, run.Ops[i].Return)
	}
	return w
}

// Overlaps says whether two windows have a moment in common.
func (w Window) Overlaps(other Window) bool { return w.From <= other.To && other.From <= w.To }

// Switches are the points at which the timelines before the node's own were left, by its newest history file; empty if it
// has none or it cannot be read.
func (n *NodeState) Switches() map[pg.Timeline]pg.LSN {
	points := map[pg.Timeline]pg.LSN{}
	ancestors, err := pg.ParseAncestry(n.Histories[n.Timeline.File()])
	if err != nil {
		return points
	}
	for _, a := range ancestors {
		points[a.Timeline] = a.Switch
	}
	return points
}
