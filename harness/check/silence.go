package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// silence asks, where the story demands it, that no write was acknowledged while a fault was in effect, that somebody
// tried to, and that writes were acknowledged again afterwards.
//
// A write counts against it only if it was both sent and acknowledged while the fault was certainly in effect: one that
// was on its way when the fault came may have reached the standby before.
func silence(run *history.Run) history.Verdict {
	if !run.Expect.Silence {
		return pass("The story does not demand that writes wait.")
	}
	windows := faulted(run)
	if len(windows) == 0 {
		return unknown("Writes must wait during a fault, but no fault is recorded.")
	}
	if !wrote(run, windows[0].From) {
		return unknown("No write was acknowledged before the fault: that none was during it shows nothing.")
	}
	var broken []*history.Op
	for _, window := range windows {
		early, tried, resumed := through(run, window)
		broken = append(broken, early...)
		switch {
		case len(early) > 0:
		case tried == 0:
			return unknown("Nobody tried to write during the fault from %s to %s.", at(window.From), at(window.To))
		case !resumed:
			return fail(nil, "No write was acknowledged any more after the fault ended at %s.", at(window.To))
		}
	}
	if n := len(broken); n > 0 {
		slices.SortStableFunc(broken, func(a, b *history.Op) int { return cmp.Compare(a.Return, b.Return) })
		return fail(shown(broken, "acknowledged during the fault"),
			"%s acknowledged while the fault was in effect; none may be.", capital(count(n, "write")))
	}
	return pass("No write was acknowledged during the fault (%s), and they went on afterwards.", took(windows[0].Length()))
}

// faulted is when faults were certainly in effect: up to the moment at which taking them back began.
func faulted(run *history.Run) []history.Window {
	var windows []history.Window
	for _, span := range run.Named(history.SpanFault) {
		window := history.Window{From: span.Start, To: span.End}
		for _, revert := range run.Named(history.SpanRevert) {
			if revert.Start > window.From && revert.Start < window.To && revert.Detail == span.Detail {
				window.To = revert.Start
			}
		}
		windows = append(windows, window)
	}
	return windows
}

// through is what became of the writes that met a fault.
func through(run *history.Run, fault history.Window) (early []*history.Op, tried int, resumed bool) {
	for i := range run.Ops {
		op := &run.Ops[i]
		acknowledged := op.Outcome == history.OK || op.Outcome == history.LocalOnly
		switch {
		case !op.Writes():
			continue
		case acknowledged && op.Call >= fault.From && op.Return <= fault.To:
			early = append(early, op)
		case op.Call <= fault.To && op.Return >= fault.From:
			tried++
		}
		resumed = resumed || op.Outcome == history.OK && op.Return > fault.To
	}
	return early, tried, resumed
}

// wrote says whether any write was acknowledged before a moment.
func wrote(run *history.Run, before time.Duration) bool {
	for i := range run.Ops {
		if op := &run.Ops[i]; op.Writes() && op.Outcome == history.OK && op.Return < before {
			return true
		}
	}
	return false
}
