package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// A view is one drawing: a stretch of the clock with everything that is known of it, in rows on one axis.
type view struct {
	ID, Title, Note string
	Short           string  // how links call it
	From, To        float64 // seconds
	Rows            []viewRow
	Shades          []block // faults and the outage, behind all rows
	Data            viewData
}

// A viewRow is a strip of a view. Either blocks or a chart lie in it.
type viewRow struct {
	Kind   string // ticks, pins, lane, span or plot
	Label  string
	Unit   string
	Height int // pixels
	Ticks  []tick
	Blocks []block
	Chart  *chart
}

// A block is something with a beginning and an end. Its meaning is in its text; class adds colour and pattern.
type block struct {
	Left, Width float64 // percent
	Class       string
	Text, Title string
	IDs         []string // anchors of findings that are shown here
	Href        string
}

// viewData is what the page's script shows under the pointer.
type viewData struct {
	From   float64    `json:"from"` // seconds
	To     float64    `json:"to"`
	Bin    float64    `json:"bin"`    // seconds
	Values [][6]int64 `json:"values"` // a bin: acknowledged, failed, unknown, median and 99th percentile in µs, lag in bytes (-1: not known)
}

// story is what all views of a run share.
type story struct {
	result    Result
	spans     []history.Span
	nodes     []string
	stretches map[string][]stretch
	pins      []pin
	lost      []*history.Op
}

// A pin is the place of a witness on the axis.
type pin struct {
	at     time.Duration
	number string // of finding and witness: 1.3
	text   string
}

// Most of what is drawn of a kind in one view.
const (
	mostBars    = 60
	mostStretch = 400
)

func (s story) view(id, short, title string, a axis) view {
	bins := fill(s.result.Run, a)
	v := view{ID: id, Short: short, Title: title, From: a.from.Seconds(), To: a.to.Seconds(), Shades: s.shades(a), Data: dataOf(a, bins)}
	ticks := a.ticks()
	v.Rows = append(v.Rows, viewRow{Kind: "ticks", Label: "run clock", Height: 22, Ticks: ticks})
	if row, any := s.outageRow(a); any {
		v.Rows = append(v.Rows, row)
	}
	if row, any := s.pinRow(id, a); any {
		v.Rows = append(v.Rows, row)
	}
	v.Rows = append(v.Rows, s.lanes(a)...)
	v.Rows = append(v.Rows, s.bars(a)...)
	if row, any := s.lostRow(a); any {
		v.Rows = append(v.Rows, row)
	}
	v.Rows = append(v.Rows,
		viewRow{Kind: "plot", Label: "writes", Unit: "per second", Height: 110, Chart: throughput(a, bins)},
		viewRow{Kind: "plot", Label: "latency", Unit: "from due to known, log scale", Height: 120, Chart: latency(a, bins)},
		viewRow{Kind: "plot", Label: "replication lag", Unit: "bytes of WAL not replayed", Height: 80, Chart: lag(a, bins)},
		viewRow{Kind: "ticks", Label: "run clock", Height: 22, Ticks: ticks})
	v.Note = fmt.Sprintf("From %s to %s; writes, latency and lag in bins of %s.", clock(a.from), clock(a.to), Duration(a.bin))
	if a.bin > bestBin {
		v.Note += fmt.Sprintf(" The history is too long for bins of %s on one page: it is put together here, and shown finer around the outage and the findings below.", Duration(bestBin))
	}
	return v
}

func dataOf(a axis, bins []bin) viewData {
	d := viewData{From: a.from.Seconds(), To: a.to.Seconds(), Bin: a.bin.Seconds(), Values: make([][6]int64, len(bins))}
	for i, b := range bins {
		d.Values[i] = [6]int64{int64(b.acknowledged), int64(b.failed), int64(b.unknown), b.p50.Microseconds(), b.p99.Microseconds(), b.lag}
	}
	return d
}

// shades are the faults and the outage behind everything.
func (s story) shades(a axis) []block {
	var all []block
	var fault history.Window // faults that overlap are one shade: each more would make it darker
	for _, span := range s.spans {
		if span.Name != history.SpanFault || !a.touches(span.Start, span.End) || len(all) == mostBars {
			continue
		}
		if n := len(all); n > 0 && span.Start <= fault.To {
			fault.To = max(fault.To, span.End)
			all[n-1].Width = a.width(fault.From, fault.To)
			continue
		}
		fault = history.Window{From: span.Start, To: span.End}
		all = append(all, block{Left: a.left(span.Start), Width: a.width(span.Start, span.End), Class: "fault"})
	}
	if w := s.result.Phases.Outage; w != nil && a.touches(w.From, w.To) {
		all = append(all, block{Left: a.left(w.From), Width: a.width(w.From, w.To), Class: "outage"})
	}
	return all
}

// outageRow brackets the outage and the time at risk.
func (s story) outageRow(a axis) (row viewRow, any bool) {
	row = viewRow{Kind: "bracket", Label: "outage", Height: 30}
	if w := s.result.Phases.Outage; w != nil && a.touches(w.From, w.To) {
		row.Blocks = append(row.Blocks, block{
			Left: a.left(w.From), Width: a.width(w.From, w.To), Class: "outage", Text: "outage " + Duration(w.Length()),
			Title: fmt.Sprintf("outage: no acknowledged write from %s to %s", clock(w.From), clock(w.To)),
		})
		if row.Blocks[0].Left > 85 {
			row.Blocks[0].Class += " left"
		}
	}
	return row, len(row.Blocks) > 0
}

// pinRow shows the witnesses. Those that lie too close to each other share a pin.
func (s story) pinRow(view string, a axis) (row viewRow, any bool) {
	row = viewRow{Kind: "pins", Label: "findings", Height: 26}
	const apart = 8.0 // percent
	pins := slices.Clone(s.pins)
	slices.SortStableFunc(pins, func(x, y pin) int { return int(x.at - y.at) })
	var first, last string
	for _, p := range pins {
		if !a.touches(p.at, p.at) {
			continue
		}
		id := pinID(view, p.number)
		n := len(row.Blocks)
		if n > 0 && a.left(p.at)-row.Blocks[n-1].Left < apart {
			b := &row.Blocks[n-1]
			last = p.number
			b.IDs, b.Text, b.Title = append(b.IDs, id), first+" to "+last, Cut(b.Title+"; "+p.text, 600)
			continue
		}
		first = p.number
		row.Blocks = append(row.Blocks, block{Left: a.left(p.at), Class: "pin", Text: p.number, Title: p.text, IDs: []string{id}, Href: "#finding-" + findingOf(p.number)})
		if n := len(row.Blocks); row.Blocks[n-1].Left > 93 {
			row.Blocks[n-1].Class += " left"
		}
	}
	return row, len(row.Blocks) > 0
}

// lanes are a row a node, by role and timeline as sampled.
func (s story) lanes(a axis) []viewRow {
	var rows []viewRow
	for _, node := range s.nodes {
		var inside []stretch
		for _, st := range s.stretches[node] {
			if a.touches(st.from, st.to) {
				inside = append(inside, st)
			}
		}
		kept, merged := merge(inside, a.length()/1000, mostStretch)
		row := viewRow{Kind: "lane", Label: line(node), Unit: s.address(node), Height: 34}
		for _, st := range kept[:min(len(kept), mostStretch)] {
			row.Blocks = append(row.Blocks, block{
				Left: a.left(st.from), Width: a.width(st.from, st.to), Class: laneClass(st.state), Text: st.String(),
				Title: fmt.Sprintf("%s: %s from %s to %s", line(node), st, clock(st.from), clock(st.to)),
			})
		}
		if left := merged + max(0, len(kept)-mostStretch); left > 0 {
			row.Unit += fmt.Sprintf(" (%s short states not drawn)", Number(left))
		}
		rows = append(rows, row)
	}
	return rows
}

func (s story) address(node string) string {
	for _, n := range s.result.Run.Nodes {
		if n.Name == node {
			return Cut(n.Address, 40)
		}
	}
	return ""
}

// laneClass is role for the pattern and timeline for the colour; there are five colours, and the text has the number.
func laneClass(s state) string {
	if s.role == "down" || s.role == silent {
		return s.role
	}
	return fmt.Sprintf("%s tl%d", s.role, (s.timeline+4)%5+1)
}

// lostRow marks when writes that are missing at the end had been acknowledged, by bins.
func (s story) lostRow(a axis) (row viewRow, any bool) {
	row = viewRow{Kind: "lost", Label: "lost writes", Unit: "when acknowledged", Height: 30}
	counts, total := map[int]int{}, 0
	for _, op := range s.lost {
		if n := a.index(op.Return); n >= 0 {
			counts[n]++
			total++
		}
	}
	for n := range a.bins() {
		if counts[n] > 0 {
			from := a.start(n)
			row.Blocks = append(row.Blocks, block{Left: a.left(from), Width: a.width(from, from+a.bin), Class: "lost", Title: fmt.Sprintf("%s acknowledged between %s and %s", count(counts[n], "lost write"), clock(from), clock(from+a.bin))})
		}
	}
	if total > 0 {
		first, last := &row.Blocks[0], &row.Blocks[len(row.Blocks)-1]
		if last.Left > 80 {
			first.Class += " left"
			last = first
		}
		last.Text = count(total, "lost write")
	}
	return row, total > 0
}
