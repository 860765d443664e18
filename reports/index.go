package reports

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// indexPage is what index.html is made of.
type indexPage struct {
	Head     head
	Status   history.Status
	Badge    string
	Headline string
	Made     string
	Spoiled  []string
	Filters  []filter
	Columns  []column
	Matrix   []matrixRow
	Benches  []benchView
	Sweeps   []sweep
	Trends   []plot
	Units    []Measure
	Runs     []runRow
	MoreRuns int
}

type filter struct {
	Name   string
	Values []string
}

// A column of the matrix is a version under a commit level.
type column struct{ Version, Commit string }

type matrixRow struct {
	Scenario, Procedure, Params string
	Cells                       []matrixCell
}

type matrixCell struct {
	column
	Played               bool
	Status               history.Status
	Badge, Passed        string
	Outage, Lost, Reason string
	Links                []runLink
	More                 int
}

type runLink struct {
	Href, Text, Title string
	Badge             string
}

type benchView struct {
	Title string
	Open  bool // beyond a few, they are folded
	Head  []string
	Rows  [][]string
	Bars  []histogramBar
	Notes []string
}

type histogramBar struct {
	Text  string
	N     int
	Width float64
}

type runRow struct {
	Entry
	Link, Badge, Text string
	Began             string
	Measured          []measureRow // one a unit that any run has; empty text where this one has not
}

// Most of what the page lists.
const (
	mostRuns   = 2000
	mostLinks  = 50
	mostTrends = 24
)

func newIndex(report Report, earlier []Report) indexPage {
	groups := Groups(report.Runs)
	p := indexPage{
		Head: newHead("pgcrucible: " + headline(report)), Status: report.Status, Badge: sign(report.Status), Headline: headline(report), Made: moment(report.Made),
		Filters: filters(report.Runs), Sweeps: sweeps(groups), Trends: trends(report, earlier), Units: unitsOf(report.Runs),
	}
	for _, c := range conditionsOf(report.Runs) {
		p.Spoiled = append(p.Spoiled, c.Name+c.Text)
	}
	p.Columns, p.Matrix = matrix(groups)
	for _, g := range groups {
		if len(g.Runs) > 1 && len(benchRows(g)) > 1 {
			b := newBenchView(g)
			b.Open = len(p.Benches) < 6
			p.Benches = append(p.Benches, b)
		}
	}
	for _, e := range report.Runs[:min(len(report.Runs), mostRuns)] {
		p.Runs = append(p.Runs, newRunRow(e, p.Units))
	}
	p.MoreRuns = len(report.Runs) - len(p.Runs)
	return p
}

func indexHTML(report Report, earlier []Report) ([]byte, error) {
	var out bytes.Buffer
	if err := pages().ExecuteTemplate(&out, "index.html", newIndex(report, earlier)); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return out.Bytes(), nil
}

func filters(entries []Entry) []filter {
	fields := []struct {
		name string
		of   func(Entry) string
	}{
		{"scenario", func(e Entry) string { return line(e.Scenario) }},
		{"procedure", func(e Entry) string { return line(e.Procedure) }},
		{"version", func(e Entry) string { return line(e.Version) }},
		{"commit", func(e Entry) string { return line(e.Commit) }},
		{"status", func(e Entry) string { return string(e.Status) }},
	}
	var all []filter
	for _, f := range fields {
		one := filter{Name: f.name}
		for _, e := range entries {
			if v := f.of(e); !slices.Contains(one.Values, v) {
				one.Values = append(one.Values, v)
			}
		}
		slices.Sort(one.Values)
		if len(one.Values) > 1 {
			all = append(all, one)
		}
	}
	return all
}

// matrix lays groups out: scenarios, procedures and settings down, versions and commit levels across.
func matrix(groups []Group) (columns []column, rows []matrixRow) {
	for _, g := range groups {
		c := column{line(g.Version), line(g.Commit)}
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	for _, g := range groups {
		i := slices.IndexFunc(rows, func(r matrixRow) bool {
			return r.Scenario == line(g.Scenario) && r.Procedure == line(g.Procedure) && r.Params == line(g.Params)
		})
		if i < 0 {
			i = len(rows)
			row := matrixRow{Scenario: line(g.Scenario), Procedure: line(g.Procedure), Params: line(g.Params)}
			for _, c := range columns {
				row.Cells = append(row.Cells, matrixCell{column: c})
			}
			rows = append(rows, row)
		}
		c := column{line(g.Version), line(g.Commit)}
		rows[i].Cells[slices.Index(columns, c)] = newCell(c, g)
	}
	return columns, rows
}

func newCell(c column, g Group) matrixCell {
	cell := matrixCell{column: c, Played: true, Status: g.Status(), Badge: sign(g.Status()), Outage: middle(g, RTO), Lost: amount(g, LostWrites)}
	if len(g.Runs) > 1 {
		cell.Passed = fmt.Sprintf("%d of %d", g.Passed(), len(g.Runs))
	}
	if cell.Status == Skipped {
		cell.Reason = Cut(g.Runs[0].Skipped, 200)
	}
	for _, e := range g.Runs[:min(len(g.Runs), mostLinks)] {
		cell.Links = append(cell.Links, runLink{linkOf(e), fmt.Sprint(e.Repetition), Cut(e.Sentence, 300), sign(e.Status)})
	}
	cell.More = len(g.Runs) - len(cell.Links)
	return cell
}

// linkOf is where a run's page is; its folder if it has none.
func linkOf(e Entry) string {
	path := e.Dir
	if e.Page != "" {
		path = e.Page
	}
	return (&url.URL{Path: path}).String() // a folder may be called "50%?"
}

func newBenchView(g Group) benchView {
	v := benchView{Title: g.label()}
	for i, row := range benchRows(g) {
		var texts []string
		for _, c := range row {
			texts = append(texts, c.text)
		}
		if i == 0 {
			v.Head = texts
			continue
		}
		v.Rows = append(v.Rows, texts)
	}
	var slots []slot
	if values := g.Measured(RTO); len(values) >= worthABar {
		slots = histogram(values)
	}
	most := 1
	for _, s := range slots {
		most = max(most, s.N)
	}
	for _, s := range slots {
		v.Bars = append(v.Bars, histogramBar{RTO.Text(s.From) + " to " + RTO.Text(s.To), s.N, round(100 * float64(s.N) / float64(most))})
	}
	for _, e := range g.Runs {
		if why := useless(e); why != "" {
			v.Notes = append(v.Notes, fmt.Sprintf("run %d is left out: %s", e.Repetition, line(why)))
		}
	}
	for _, c := range conditionsOf(g.Runs) {
		v.Notes = append(v.Notes, "spoiled by "+c.Name+c.Text)
	}
	return v
}

// unitsOf are the measures that any of the runs has.
func unitsOf(entries []Entry) []Measure {
	return slices.DeleteFunc(Measures(), func(m Measure) bool {
		return !slices.ContainsFunc(entries, func(e Entry) bool { _, ok := e.Measures[m.Unit]; return ok })
	})
}

func newRunRow(e Entry, units []Measure) runRow {
	row := runRow{Entry: e, Link: linkOf(e), Badge: sign(e.Status), Text: Cut(e.Sentence, 300), Began: moment(e.Began)}
	row.Scenario, row.Procedure, row.Version, row.Commit = line(e.Scenario), line(e.Procedure), line(e.Version), line(e.Commit)
	for _, m := range units {
		cell := measureRow{Unit: m.Unit}
		if v, ok := e.Measures[m.Unit]; ok {
			cell.Text, cell.Value = m.Unit.Text(v), jsonNumber(v)
		}
		row.Measured = append(row.Measured, cell)
	}
	return row
}

// trends draw medians over earlier reports and this one, oldest first, of what is still measured now.
func trends(report Report, earlier []Report) []plot {
	if len(earlier) == 0 {
		return nil
	}
	all := append(slices.Clone(earlier), report)
	var xs []string
	for _, r := range all {
		xs = append(xs, r.Made.UTC().Format("2006-01-02"))
	}
	var plots []plot
	for _, g := range Groups(minorless(report.Runs)) {
		var lines []series
		for _, unit := range []Unit{RTO, Promote, Rewind, Rebuild} {
			s := series{title(unit), unit, map[int]Spread{}}
			for i, r := range all {
				if spread, ok := SpreadOf(groupOf(r, g.Key).Measured(unit)); ok {
					s.points[i] = spread
				}
			}
			lines = append(lines, s)
		}
		if p := draw(g.label(), "report", xs, lines); len(p.Series) > 0 && len(plots) < mostTrends {
			plots = append(plots, p)
		}
	}
	return plots
}

func groupOf(r Report, key Key) Group {
	for _, g := range Groups(minorless(r.Runs)) {
		if g.Key == key {
			return g
		}
	}
	return Group{}
}
