package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// sign stands beside the word of a status.
func sign(status history.Status) string {
	switch status {
	case history.Pass:
		return "✓"
	case history.Fail:
		return "✗"
	case Skipped:
		return "»"
	}
	return "?"
}

// facts are what the run was.
func facts(run *history.Run) []pair {
	all := []pair{
		{"run", run.ID},
		{"scenario", run.Scenario},
		{"procedure", run.Procedure},
		{"commit level", run.Commit},
		{"PostgreSQL", run.Version},
		{"image", run.Image},
		{"seed", fmt.Sprint(run.Seed)},
		{"repetition", fmt.Sprint(run.Repetition)},
		{"pair", cmp.Or(run.Pair, "not recorded")},
		{"began", moment(run.Began)},
		{"ended", moment(run.Ended)},
		{"recorded", fmt.Sprintf("%s, %s, %s", count(len(run.Ops), "operation"), count(len(run.Spans), "span"), count(len(run.Samples), "sample"))},
	}
	for i := range all {
		all[i].Value = Clean(all[i].Value)
	}
	return all
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "not recorded"
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 MST")
}

// pairs are a map's entries by key.
func pairs(m map[string]string) []pair {
	var all []pair
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if len(all) == mostPairs {
			all = append(all, pair{"…", fmt.Sprintf("%s more in run.json", Number(len(m)-mostPairs))})
			break
		}
		all = append(all, pair{line(k), Cut(m[k], 600)})
	}
	return all
}

func nodeRows(run *history.Run) []nodeRow {
	var rows []nodeRow
	for _, n := range run.Nodes[:min(len(run.Nodes), mostPairs)] {
		rows = append(rows, nodeRow{line(n.Name), line(n.Address), line(n.Role), atEnd(run, n.Name)})
	}
	return rows
}

// atEnd is what the final reads found on a node.
func atEnd(run *history.Run, node string) string {
	for _, f := range run.Final {
		switch {
		case f.Node != node:
			continue
		case !f.Up:
			return "down"
		case f.InRecovery:
			return fmt.Sprintf("standby, timeline %d, %s", f.Timeline, f.LSN)
		}
		return fmt.Sprintf("primary, timeline %d, %s", f.Timeline, f.LSN)
	}
	return "not read"
}

func faultRows(spans []history.Span) []faultRow {
	var rows []faultRow
	for _, s := range spans {
		if s.Name != history.SpanFault && s.Name != history.SpanRevert || len(rows) == mostFaults {
			continue
		}
		what := Clean(s.Detail)
		if s.Name == history.SpanRevert {
			what = "taken back: " + what
		}
		rows = append(rows, faultRow{what, line(s.Node), clock(s.Start), clock(s.End), Duration(s.End - s.Start), Clean(s.Err), pairs(s.Values)})
	}
	return rows
}

func spanRows(spans []history.Span) (rows []spanRow, more int) {
	for _, s := range spans {
		if len(rows) == mostSpans {
			return rows, len(spans) - mostSpans
		}
		var values []string
		for _, p := range pairs(s.Values) {
			values = append(values, p.Key+": "+Cut(p.Value, 200))
		}
		rows = append(rows, spanRow{line(s.Name), line(s.Node), Cut(s.Detail, 200), clock(s.Start), Duration(s.End - s.Start), Cut(s.Err, 500), Cut(strings.Join(values, "; "), 800)})
	}
	return rows, 0
}

// phaseRows are the moments of the story in their order.
func phaseRows(r Result) []phaseRow {
	p := r.Phases
	type event struct {
		name     string
		at       time.Duration
		took     time.Duration
		note     string
		duration bool
	}
	var events []event
	at := func(name string, d *time.Duration, note string) {
		if d != nil {
			events = append(events, event{name: name, at: *d, note: note})
		}
	}
	over := func(name string, w *history.Window, note string) {
		if w != nil {
			events = append(events, event{name, w.From, w.Length(), note, true})
		}
	}
	over("outage", p.Outage, "no write was acknowledged")
	at("fault", p.Fault, "in effect")
	at("detected", p.Detected, "the procedure noticed")
	at("promote asked", p.Asked, "")
	at("promoted", p.Promoted, "")
	at("first acknowledged write", p.FirstAck, "after the outage")
	at("old primary stopped", p.OldStopped, "fenced")
	over("rewind", p.Rewind, Bytes(p.RewindBytes)+" copied")
	over("rebuild", p.Rebuild, "by pg_basebackup")
	at("started", p.Started, "the old primary, as a standby")
	at("streaming", p.Streaming, "")
	at("caught up", p.CaughtUp, "a row written after the promotion was read on it")
	over("at risk", p.AtRisk, "no standby streamed")
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	var rows []phaseRow
	for _, e := range events {
		row := phaseRow{Name: e.name, At: clock(e.at), Note: e.note}
		if p.Fault != nil {
			row.Since = signed(e.at - *p.Fault)
		}
		if e.duration {
			row.Took = Duration(e.took)
		}
		rows = append(rows, row)
	}
	return rows
}

// signed is a time before or after the fault.
func signed(d time.Duration) string {
	if d > 0 {
		return "+" + Duration(d)
	}
	return Duration(d)
}

type measureRow struct {
	Unit        Unit
	Title, Text string
	Value       string // as in report.json
	Means       string
}

func measureRows(m map[Unit]float64) []measureRow {
	var rows []measureRow
	for _, d := range Measures() {
		if v, ok := m[d.Unit]; ok {
			rows = append(rows, measureRow{d.Unit, d.Title, d.Unit.Text(v), jsonNumber(v), d.Means})
		}
	}
	return rows
}

func legends() []legend {
	return []legend{
		{"primary tl1", "primary: plain"},
		{"standby tl1", "standby: striped"},
		{"read-only tl1", "up, not in recovery, read-only: dotted"},
		{"down", "down: crossed"},
		{silent, "no answer for a while, or before it was something else: empty"},
		{"primary tl2", "each timeline has its own colour; TL is its number"},
		{"shade fault", "a fault is in effect"},
		{"shade outage", "outage"},
	}
}
