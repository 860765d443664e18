package reports

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Unit names what is measured, spelled as in Go benchmark lines: quantity after the slash, unit before it.
type Unit string

// The units of report.json's measures and of bench.txt. For all of them less is better.
const (
	RTO         Unit = "s/rto"         // from the last acknowledged write before the outage to the first one after it
	Detect      Unit = "s/detect"      // from the fault to the moment the procedure noticed
	Fence       Unit = "s/fence"       // from noticed to the old primary being shut out
	Promote     Unit = "s/promote"     // from asked to promoted
	FirstWrite  Unit = "s/first-write" // from asked for the promotion to the write that ended the outage
	Rewind      Unit = "s/rewind"      // pg_rewind
	RewindMB    Unit = "MB/rewind"     // copied by pg_rewind, 1 MB = 1,000,000 bytes
	Rebuild     Unit = "s/rebuild"     // pg_basebackup, where a rewind was refused
	Start       Unit = "s/start"       // from rewound or rebuilt to the old primary accepting connections as a standby
	Stream      Unit = "s/stream"      // from then to streaming
	CatchUp     Unit = "s/catch-up"    // from then to a row that was written after the promotion
	Rejoin      Unit = "s/rejoin"      // the whole way back of the old primary
	AtRisk      Unit = "s/at-risk"     // until a standby streams again
	LostWrites  Unit = "lost-writes"   // acknowledged writes missing at the end
	Unknowns    Unit = "unknown-writes"
	RPO         Unit = "s/rpo"     // over how long the lost writes were acknowledged
	RPOWALBytes Unit = "wal-B/rpo" // WAL past the switch point that was lost
)

// Measure describes a unit for people.
type Measure struct {
	Unit  Unit
	Title string // heading of a column
	Means string // one line, for legends and the README
	Part  bool   // of another measure: shown, but not compared by itself, since each comparison more finds a difference by chance
}

// Measures are all units in the order in which reports show them.
func Measures() []Measure {
	return []Measure{
		{RTO, "outage", "from the last acknowledged write before the outage to the first one after it (RTO)", false},
		{Detect, "detect", "from the fault to the moment the procedure noticed it", false},
		{Fence, "fence", "from noticing it to the old primary being shut out", true},
		{Promote, "promote", "from asking for the promotion to the promoted node", false},
		{FirstWrite, "first write", "from asking for the promotion to the acknowledged write that ended the outage", true},
		{Rewind, "rewind", "pg_rewind of the old primary", false},
		{RewindMB, "rewind MB", "copied by pg_rewind, in millions of bytes", false},
		{Rebuild, "rebuild", "pg_basebackup of the old primary, where a rewind was refused", false},
		{Start, "start", "from the rewind's or rebuild's end to the old primary accepting connections as a standby", true},
		{Stream, "stream", "from its start to streaming", true},
		{CatchUp, "catch up", "from streaming to a row that was written after the promotion", true},
		{Rejoin, "rejoin", "the old primary's whole way back", false},
		{AtRisk, "at risk", "until a standby streamed again", false},
		{LostWrites, "lost", "acknowledged writes missing at the end", false},
		{Unknowns, "unknown", "writes whose outcome the clients never learned", false},
		{RPO, "RPO", "over how long the lost writes had been acknowledged", false},
		{RPOWALBytes, "RPO WAL", "bytes of WAL past the switch point that were lost", false},
	}
}

// measure takes the numbers of a run. What did not happen is absent; a loss of zero is present, because it is a result.
func measure(r Result) map[Unit]float64 {
	m := map[Unit]float64{}
	if r.Run.Skipped != "" {
		return m
	}
	p := r.Phases
	window(m, RTO, p.Outage)
	between(m, Detect, p.Fault, p.Detected)
	between(m, Fence, p.Detected, p.OldStopped)
	between(m, Promote, p.Asked, p.Promoted)
	between(m, FirstWrite, p.Asked, p.FirstAck)
	window(m, Rewind, p.Rewind)
	window(m, Rebuild, p.Rebuild)
	between(m, Start, copied(p), p.Started)
	between(m, Stream, p.Started, p.Streaming)
	between(m, CatchUp, p.Streaming, p.CaughtUp)
	window(m, AtRisk, p.AtRisk)
	window(m, Rejoin, rejoin(r.Run))
	if p.Rewind != nil {
		m[RewindMB] = float64(p.RewindBytes) / 1e6
	}
	m[LostWrites] = float64(p.Loss.Lost)
	m[Unknowns] = float64(p.Loss.Unknown)
	if p.Loss.Lost > 0 {
		m[RPO] = p.Loss.Span.Seconds()
		if p.Loss.WALBytes >= 0 {
			m[RPOWALBytes] = float64(p.Loss.WALBytes)
		}
	}
	return m
}

func window(m map[Unit]float64, unit Unit, w *history.Window) {
	if w != nil {
		m[unit] = w.Length().Seconds()
	}
}

// copied is when the old primary's folder was one that can follow; nil if nothing was copied.
func copied(p history.Phases) *time.Duration {
	switch {
	case p.Rebuild != nil:
		return &p.Rebuild.To
	case p.Rewind != nil:
		return &p.Rewind.To
	}
	return nil
}

// between is absent where the order was another one: a story in which nobody fences before the promotion has no such phase.
func between(m map[Unit]float64, unit Unit, from, to *time.Duration) {
	if from != nil && to != nil && *from <= *to {
		m[unit] = (*to - *from).Seconds()
	}
}

// rejoin is the first way back of a node that was recorded; the fail-back's comes later and is not what is measured.
func rejoin(run *history.Run) *history.Window {
	var first *history.Window
	for _, s := range run.Spans {
		if s.Name == history.SpanRejoin && s.Err == "" && (first == nil || s.Start < first.From) {
			first = &history.Window{From: s.Start, To: s.End}
		}
	}
	return first
}

// Text writes a value of the unit as people read it.
func (u Unit) Text(v float64) string {
	switch {
	case strings.HasPrefix(string(u), "s/"):
		return Seconds(v)
	case strings.HasPrefix(string(u), "MB/"):
		return Bytes(int64(math.Round(v * 1e6)))
	case strings.Contains(string(u), "B/"):
		return Bytes(int64(math.Round(v)))
	}
	return Number(int(math.Round(v)))
}

// jsonNumber writes a value as report.json does.
func jsonNumber(v float64) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // no run measures NaN or infinity
	}
	return string(text)
}
