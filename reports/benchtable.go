package reports

import (
	"fmt"
	"strings"
)

// BenchTable is what make bench ends with: of each group every measure as median with its confidence interval, least, most
// and the percentiles that the number of runs supports, and a histogram of the outages.
func BenchTable(results []Result, colour bool) string {
	return benchTable(Of("", results), style{color: colour})
}

func benchTable(report Report, s style) string {
	var b strings.Builder
	for _, g := range Groups(report.Runs) {
		table := benchRows(g)
		if len(table) == 1 {
			continue
		}
		fmt.Fprintf(&b, "%s\n", s.paint(bold, g.label()))
		b.WriteString(grid(table, s))
		b.WriteString(bars(RTO, g.Measured(RTO)))
		for _, e := range g.Runs {
			if why := useless(e); why != "" {
				fmt.Fprintf(&b, "%s run %d: %s\n", s.paint(yellow, "left out"), e.Repetition, line(why))
			}
		}
		for _, c := range conditionsOf(g.Runs) {
			fmt.Fprintf(&b, "%s%s\n", s.paint(yellow, "spoiled by "+c.Name), c.Text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func benchRows(g Group) [][]cell {
	rows := [][]cell{append(words("measure"), numbers("median", "95 % confidence", "min", "max", "tail", "runs")...)}
	for _, m := range Measures() {
		spread, ok := SpreadOf(g.Measured(m.Unit))
		if !ok {
			continue
		}
		rows = append(rows, append(words(m.Title), numbers(
			m.Unit.Text(spread.Median), spread.Interval(m.Unit), m.Unit.Text(spread.Min), m.Unit.Text(spread.Max), spread.tails(m.Unit), fmt.Sprint(spread.N))...))
	}
	return rows
}

// bars is a histogram in text.
func bars(unit Unit, values []float64) string {
	if len(values) < worthABar {
		return ""
	}
	slots := histogram(values)
	most := 0
	for _, s := range slots {
		most = max(most, s.N)
	}
	var b strings.Builder
	for i, s := range slots {
		if i == 0 {
			fmt.Fprintf(&b, "%s, %s:\n", title(unit), count(len(values), "run"))
		}
		from, to := unit.Text(s.From), unit.Text(s.To)
		fmt.Fprintf(&b, "  %9s to %-9s %s %d\n", from, to, strings.Repeat("█", (s.N*40+most-1)/most), s.N)
	}
	return b.String()
}
