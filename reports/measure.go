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
	RTO         Unit = "s/rto"       // from the last acknowledged write before the outage to the first one after it
	Detect      Unit = "s/detect"    // from the fault to the moment the procedure noticed
	Promote     Unit = "s/promote"   // from asked to promoted
	Rewind      Unit = "s/rewind"    // pg_rewind
	RewindMB    Unit = "MB/rewind"   // copied by pg_rewind, 1 MB = 1,000,000 bytes
	Rebuild     Unit = "s/rebuild"   // pg_basebackup, where a rewind was refused
	Rejoin      Unit = "s/rejoin"    // the whole way back of the old primary
	AtRisk      Unit = "s/at-risk"   // until a standby streams again
	LostWrites  Unit = "lost-writes" // acknowledged writes missing at the end
	Unknowns    Unit = "unknown-writes"
	RPO         Unit = "s/rpo"     // over how long the lost writes were acknowledged
	RPOWALBytes Unit = "wal-B/rpo" // WAL past the switch point that was lost
)

// Measure describes a unit for people.
type Measure struct {
	Unit  Unit
	Title string // heading of a column
	Means string // one line, for legends and the README
}

// Measures are all units in the order in which reports show them.
func Measures() []Measure {
	return []Measure{
		{RTO, "outage", "from the last acknowledged write before the outage to the first one after it (RTO)"},
		{Detect, "detect", "from the fault to the moment the procedure noticed it"},
		{Promote, "promote", "from asking for the promotion to the promoted node"},
		{Rewind, "rewind", "pg_rewind of the old primary"},
		{RewindMB, "rewind MB", "copied by pg_rewind, in millions of bytes"},
		{Rebuild, "rebuild", "pg_basebackup of the old primary, where a rewind was refused"},
		{Rejoin, "rejoin", "the old primary's whole way back"},
		{AtRisk, "at risk", "until a standby streamed again"},
		{LostWrites, "lost", "acknowledged writes missing at the end"},
		{Unknowns, "unknown", "writes whose outcome the clients never learned"},
		{RPO, "RPO", "over how long the lost writes had been acknowledged"},
		{RPOWALBytes, "RPO WAL", "bytes of WAL past the switch point that were lost"},
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
	between(m, Promote, p.Asked, p.Promoted)
	window(m, Rewind, p.Rewind)
	window(m, Rebuild, p.Rebuild)
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

func between(m map[Unit]float64, unit Unit, from, to *time.Duration) {
	if from != nil && to != nil {
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
