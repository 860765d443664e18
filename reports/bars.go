package reports

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// barNames are the spans that are drawn, in the order of the rows; whatever else is recorded comes after them.
func barNames() []string {
	return []string{
		history.SpanFault, history.SpanRevert, history.SpanDetect, history.SpanFailover, history.SpanSwitch, history.SpanFence, history.SpanPromote,
		history.SpanRejoin, history.SpanRewind, history.SpanRebuild, history.SpanStart, history.SpanStream, history.SpanCatchUp, history.SpanFailback,
	}
}

// bars are a row a kind of span, or more where spans of a kind overlap.
func (s story) bars(a axis) []viewRow {
	byName := map[string][]history.Span{}
	names := barNames()
	for _, span := range s.spans {
		if span.Name == history.SpanLoad || !a.touches(span.Start, span.End) {
			continue
		}
		if !slices.Contains(names, span.Name) {
			names = append(names, span.Name)
		}
		byName[span.Name] = append(byName[span.Name], span)
	}
	var rows []viewRow
	for _, name := range names {
		if len(byName[name]) > 0 && len(rows) < mostBars {
			rows = append(rows, barRows(a, name, byName[name])...)
		}
	}
	return rows
}

// mostStacked is how many rows a kind of span may have for those that overlap.
const mostStacked = 6

// barRows puts spans into as few rows as keep bars and their texts apart.
func barRows(a axis, name string, spans []history.Span) []viewRow {
	label := line(name)
	if name == history.SpanMark {
		label = "marks"
	}
	rows := []viewRow{{Kind: "span", Label: label, Height: 22}}
	ends := []float64{-1}
	left := max(0, len(spans)-mostBars)
	for _, span := range spans[:len(spans)-left] {
		b := block{
			Left: a.left(span.Start), Width: a.width(span.Start, span.End), Class: "bar " + barClass(span), Text: barText(span),
			Title: fmt.Sprintf("%s from %s to %s", barText(span), clock(span.Start), clock(span.End)),
		}
		from, to := extentOf(&b)
		n := slices.IndexFunc(ends, func(end float64) bool { return from > end })
		switch {
		case n < 0 && len(rows) == mostStacked:
			left++
			continue
		case n < 0:
			n = len(rows)
			rows, ends = append(rows, viewRow{Kind: "span", Height: 22}), append(ends, 0)
		}
		rows[n].Blocks, ends[n] = append(rows[n].Blocks, b), to
	}
	if left > 0 {
		rows[0].Unit = fmt.Sprintf("%s more not drawn", Number(left))
	}
	return rows
}

// extentOf is what a bar takes with its text, in percent. The text goes after the bar; where there is
// no room, inside or before it.
func extentOf(b *block) (from, to float64) {
	const character = 0.75 // percent of the width, on a page of ordinary width
	text := 1 + character*float64(utf8.RuneCountInString(b.Text))
	from, to = b.Left, b.Left+max(b.Width, 0.3)
	switch {
	case to+text <= 100:
	case b.Width > text:
		b.Class += " inside"
		return from, to
	default:
		b.Class += " left"
		return from - text, to
	}
	return from, to + text
}

func barClass(span history.Span) string {
	switch {
	case span.Err != "":
		return "wrong"
	case span.Name == history.SpanFault:
		return "fault"
	case span.Name == history.SpanMark:
		return "moment"
	}
	return "step"
}

// barText says what a bar is: node, detail, how long, and whether it went wrong.
func barText(span history.Span) string {
	text := ""
	for _, part := range []string{span.Node, span.Detail} {
		if part != "" && text != "" {
			text += " "
		}
		text += Cut(part, 60)
	}
	if span.End > span.Start {
		text += " " + Duration(span.End-span.Start)
	}
	if span.Err != "" {
		text += " – went wrong"
	}
	return text
}
