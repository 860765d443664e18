package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// StandbyReads judges what a node in recovery answered. It may be behind, and the sentence says by how much. It may not go back
// within one connection, nor show what nobody wrote or what failed. Under remote_apply it may not miss a write that was
// acknowledged before the read was sent; that is held only until the first failover or switchover, because the new primary
// acknowledges alone until its standby is back.
type StandbyReads struct{}

// Name is how reports call it.
func (StandbyReads) Name() string { return "standby-reads" }

// Applies says whether a standby was read.
func (StandbyReads) Applies(run *history.Run) bool {
	return slices.ContainsFunc(run.Ops, func(op history.Op) bool { return op.Standby && op.Outcome == history.OK && len(op.Txn) > 0 })
}

// keyOf is one key of one workload.
type keyOf struct{ workload, key string }

// written is what is known of the writes to one key.
type written struct {
	values map[int64]history.Outcome
	acks   []acknowledged // acknowledged versions, by version
}

type acknowledged struct {
	version int64
	at      time.Duration // acknowledged; after fill: the earliest of this version and all later ones
	by      *history.Op
}

type standbyReads struct {
	run    *history.Run
	writes map[keyOf]*written
	until  time.Duration // remote_apply is held until then
	wrong  []history.Witness
	reads  int
	behind []time.Duration // of each read that missed something
	strict bool
}

// Check is a pure function of the run.
func (StandbyReads) Check(run *history.Run) history.Verdict {
	s := &standbyReads{run: run, writes: map[keyOf]*written{}, strict: run.Commit == "remote_apply", until: firstMove(run)}
	s.gather()
	s.goBack()
	for i := range run.Ops {
		op := &run.Ops[i]
		if !op.Standby || op.Outcome != history.OK {
			continue
		}
		for n := range op.Txn {
			s.read(op, &op.Txn[n])
		}
	}
	switch {
	case len(s.wrong) > 0:
		return fail(s.wrong, "Reads on a standby showed what they may not: %s.", s.wrong[0].Detail)
	case s.reads == 0:
		return unknown("No read on a standby was answered.")
	}
	return pass("%s on a standby never went back and showed only what was written; %s.", count(s.reads, "read"), s.staleness())
}

// firstMove is when the first role changed hands; the end of time: it never did.
func firstMove(run *history.Run) time.Duration {
	first := time.Duration(1<<63 - 1)
	for _, span := range moves(run) {
		first = min(first, span.Start)
	}
	return first
}

// lastMove is when the last role had changed hands; 0: it never did.
func lastMove(run *history.Run) time.Duration {
	last := time.Duration(0)
	for _, span := range moves(run) {
		last = max(last, span.End)
	}
	return last
}

// moves are the spans in which a role changes hands.
func moves(run *history.Run) []history.Span {
	return slices.DeleteFunc(slices.Clone(run.Spans), func(span history.Span) bool {
		switch span.Name {
		case history.SpanFailover, history.SpanSwitch, history.SpanPromote, history.SpanFailback:
			return false
		}
		return true
	})
}

func (s *standbyReads) gather() {
	for i := range s.run.Ops {
		op := &s.run.Ops[i]
		for _, a := range op.Txn {
			if !a.Write || !txn.Selected(op) {
				continue
			}
			w := s.writes[keyOf{op.Workload, a.Key}]
			if w == nil {
				w = &written{values: map[int64]history.Outcome{}}
				s.writes[keyOf{op.Workload, a.Key}] = w
			}
			w.values[a.Value] = op.Outcome
			if op.Outcome == history.OK && a.Version > 0 {
				w.acks = append(w.acks, acknowledged{a.Version, op.Return, op})
			}
		}
	}
	for _, w := range s.writes {
		slices.SortFunc(w.acks, func(a, b acknowledged) int { return int(a.version - b.version) })
		for i := len(w.acks) - 2; i >= 0; i-- {
			if next := w.acks[i+1]; next.at < w.acks[i].at {
				w.acks[i].at, w.acks[i].by = next.at, next.by
			}
		}
	}
}

// read judges one access by itself.
func (s *standbyReads) read(op *history.Op, a *history.Access) {
	if a.Write || !txn.Selected(op) {
		return
	}
	s.reads++
	w := s.writes[keyOf{op.Workload, a.Key}]
	for _, value := range seenValues(a) {
		outcome, known := history.Unknown, false
		if w != nil {
			outcome, known = w.values[value]
		}
		switch {
		case !known:
			s.wrong = append(s.wrong, saw(op, fmt.Sprintf("%d of key %q, which nobody wrote", value, a.Key)))
		case outcome == history.Failed:
			s.wrong = append(s.wrong, saw(op, fmt.Sprintf("%d of key %q, of a transaction that failed", value, a.Key)))
		}
	}
	if w == nil || len(a.List) > 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(w.acks, a.Version+1, func(x acknowledged, version int64) int { return int(x.version - version) })
	if at == len(w.acks) || w.acks[at].at >= op.Call {
		return
	}
	missed := w.acks[at]
	s.behind = append(s.behind, op.Call-missed.at)
	if s.strict && op.Return < s.until {
		s.wrong = append(s.wrong, saw(op, fmt.Sprintf("version %d of key %q, though a later one, of %s, had been acknowledged %s before the read was sent, under remote_apply",
			a.Version, a.Key, txn.Who(missed.by), took(op.Call-missed.at))))
	}
}

// seenValues is what a read shows.
func seenValues(a *history.Access) []int64 {
	if len(a.List) > 0 {
		return a.List
	}
	if a.Value != 0 {
		return []int64{a.Value}
	}
	return nil
}

// goBack looks for a connection that saw an older state after a newer one.
func (s *standbyReads) goBack() {
	type connection struct {
		keyOf
		node            string
		client, session int
	}
	highest := map[connection]int64{}
	for i := range s.run.Ops {
		op := &s.run.Ops[i]
		if !op.Standby || op.Outcome != history.OK || !txn.Selected(op) {
			continue
		}
		for _, a := range op.Txn {
			who := connection{keyOf{op.Workload, a.Key}, op.Node, op.Client, op.Session}
			at := max(a.Version, int64(len(a.List)))
			if before := highest[who]; at < before {
				s.wrong = append(s.wrong, saw(op, fmt.Sprintf("state %d of key %q after state %d, on one connection", at, a.Key, before)))
			} else {
				highest[who] = at
			}
		}
	}
}

func (s *standbyReads) staleness() string {
	if len(s.behind) == 0 {
		return "none missed a write that had been acknowledged before it was sent"
	}
	slices.Sort(s.behind)
	return fmt.Sprintf("%s missed a write acknowledged before, by %s in the median and %s at most",
		count(len(s.behind), "read"), took(s.behind[len(s.behind)/2]), took(s.behind[len(s.behind)-1]))
}
