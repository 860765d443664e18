package reports

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Table writes the table that a job ends with: a row a scenario and commit level, repetitions put together (losses added,
// times as medians). Conditions that spoiled the measurements stand below it. Ask Colour whether the place where it will be
// shown takes colours.
func Table(results []Result, colour bool) string {
	report, s := Of("", results), style{color: colour}
	groups := Groups(report.Runs)
	text := grid(rows(groups), s) + caption(groups)
	for _, condition := range conditionsOf(report.Runs) {
		text += s.paint(yellow, "spoiled by "+condition.Name) + condition.Text + "\n"
	}
	return text
}

// A cell is text with what it says about the verdict, which is its colour.
type cell struct {
	text   string
	status history.Status // "": no colour
	right  bool           // numbers are aligned at their end
}

// rows are the heading and a row a group. Columns in which all groups agree (procedure, version, settings) are left to the caption.
func rows(groups []Group) [][]cell {
	procedures := len(distinct(groups, func(g Group) string { return g.Procedure })) > 1
	versions := len(distinct(groups, func(g Group) string { return g.Version })) > 1
	settings := len(distinct(groups, func(g Group) string { return g.Params })) > 1
	head := words("scenario", "commit")
	if procedures {
		head = append(head, cell{text: "procedure"})
	}
	if versions {
		head = append(head, cell{text: "version"})
	}
	if settings {
		head = append(head, cell{text: "settings"})
	}
	head = append(head, words("verdict")...)
	head = append(head, numbers("acknowledged", "lost", "unknown", "outage", "promote", "rewind", "rejoin", "at risk")...)
	all := [][]cell{head}
	for _, g := range groups {
		row := words(line(g.Scenario), line(g.Commit))
		if procedures {
			row = append(row, cell{text: line(g.Procedure)})
		}
		if versions {
			row = append(row, cell{text: line(g.Version)})
		}
		if settings {
			row = append(row, cell{text: line(g.Params)})
		}
		row = append(row, cell{text: verdictWord(g), status: g.Status()})
		all = append(all, append(row, measured(g)...))
	}
	return all
}

func measured(g Group) []cell {
	if g.Status() == Skipped {
		return numbers("–", "–", "–", "–", "–", "–", "–", "–")
	}
	lost := cell{text: amount(g, LostWrites), right: true}
	if sum(g.Values(LostWrites)) > 0 {
		lost.status = history.Undecided // worth a look even where the budget allows it; the verdict says whether it does
	}
	row := []cell{{text: Number(g.Acknowledged()), right: true}, lost}
	return append(row, numbers(amount(g, Unknowns), middle(g, RTO), middle(g, Promote), rewound(g), middle(g, Rejoin), middle(g, AtRisk))...)
}

// verdictWord is the verdict of a group, with how many passed if there are repetitions.
func verdictWord(g Group) string {
	word := strings.ToUpper(string(g.Status()))
	if len(g.Runs) > 1 {
		word += fmt.Sprintf(" %d/%d", g.Passed(), len(g.Runs))
	}
	return word
}

func amount(g Group, unit Unit) string {
	values := g.Values(unit)
	if len(values) == 0 {
		return "–"
	}
	return Number(int(sum(values)))
}

func middle(g Group, unit Unit) string {
	values := g.Values(unit)
	if len(values) == 0 {
		return "–"
	}
	return Seconds(median(values))
}

// rewound says how the old primary came back: by a rewind and how much it copied, or by a rebuild.
func rewound(g Group) string {
	if mb := g.Values(RewindMB); len(mb) > 0 {
		return middle(g, Rewind) + ", " + Bytes(int64(median(mb)*1e6))
	}
	if len(g.Values(Rebuild)) > 0 {
		return middle(g, Rebuild) + " rebuilt"
	}
	return "–"
}

func caption(groups []Group) string {
	var parts []string
	add := func(before string, field func(Group) string) {
		if d := distinct(groups, field); len(d) == 1 && d[0] != "" {
			parts = append(parts, before+line(d[0]))
		}
	}
	add("PostgreSQL ", func(g Group) string { return g.Version })
	add("procedure ", func(g Group) string { return g.Procedure })
	add("settings ", func(g Group) string { return g.Params })
	if most := repetitions(groups); most > 1 {
		parts = append(parts, "writes are sums and times are medians over up to "+count(most, "run"))
	}
	if pairs := pairsOf(groups); pairs != "" {
		parts = append(parts, pairs)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "\n"
}

// pairsOf says how many runs had a pair of their own, and how many one that was reset; empty if none was reset.
func pairsOf(groups []Group) string {
	fresh, reset := 0, 0
	for _, g := range groups {
		for _, e := range g.Runs {
			switch {
			case strings.HasPrefix(e.Pair, "reset"):
				reset++
			case strings.HasPrefix(e.Pair, "fresh"):
				fresh++
			}
		}
	}
	if reset == 0 {
		return ""
	}
	return fmt.Sprintf("%s fresh, %d reset and found equal", count(fresh, "pair"), reset)
}

func repetitions(groups []Group) int {
	most := 0
	for _, g := range groups {
		most = max(most, len(g.Runs))
	}
	return most
}

func words(texts ...string) []cell   { return cells(false, texts) }
func numbers(texts ...string) []cell { return cells(true, texts) }

func cells(right bool, texts []string) []cell {
	row := make([]cell, len(texts))
	for i, t := range texts {
		row[i] = cell{text: t, right: right}
	}
	return row
}

// grid lays rows out in columns; the first row is the heading.
func grid(rows [][]cell, s style) string {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		parts := make([]string, len(row))
		for i, c := range row {
			parts[i] = lay(c, widths[i], n == 0, s)
		}
		b.WriteString(strings.TrimRight(strings.Join(parts, "  "), " ") + "\n")
	}
	return b.String()
}

func lay(c cell, width int, heading bool, s style) string {
	space := strings.Repeat(" ", width-utf8.RuneCountInString(c.text))
	text := c.text
	switch {
	case heading:
		text = s.paint(bold, text)
	case c.status != "":
		text = s.status(c.status, text)
	}
	if c.right {
		return space + text
	}
	return text + space
}
