package reports

import (
	"fmt"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// barNames are the spans that are drawn, in the order of the rows; whatever else is recorded comes after them.
func barNames() []string {
	return []string{
		history.SpanFault, history.SpanRevert, history.SpanDetect, history.SpanFailover, history.SpanSwitch, history.SpanFence, history.SpanPromote,
		history.SpanRejoin, history.SpanRewind, history.SpanRebuild, history.SpanStart, history.SpanStream, history.SpanCatchUp, history.SpanFailback,
	}
}

// bars are a row a kind of span. Spans of the same kind that overlap share the row; the table has them one by one.
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
			rows = append(rows, barRow(a, name, byName[name]))
		}
	}
	return rows
}

func barRow(a axis, name string, spans []history.Span) viewRow {
	row := viewRow{Kind: "span", Label: line(name), Height: 22}
	if name == history.SpanMark {
		row.Label = "marks"
	}
	for _, span := range spans[:min(len(spans), mostBars)] {
		b := block{
			Left: a.left(span.Start), Width: a.width(span.Start, span.End), Class: "bar " + barClass(span), Text: barText(span),
			Title: fmt.Sprintf("%s from %s to %s", barText(span), clock(span.Start), clock(span.End)),
		}
		row.Blocks = append(row.Blocks, b)
	}
	if left := len(spans) - mostBars; left > 0 {
		row.Unit = fmt.Sprintf("%s more not drawn", Number(left))
	}
	hideTexts(row.Blocks)
	return row
}

// hideTexts leaves out the text of a bar where that of the bar before it would be run over; it stays in the title.
func hideTexts(blocks []block) {
	end := -1.0
	for i := range blocks {
		b := &blocks[i]
		if b.Left+b.Width > 80 {
			b.Class += " left" // the text goes before the bar: behind it there is no room
		}
		if b.Left < end {
			b.Text = ""
			continue
		}
		end = b.Left + max(b.Width, 0.75*float64(len(b.Text)))
	}
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
