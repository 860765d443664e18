package reports

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// swept are runs over sizes of the database: a rewind takes about as long whatever the size, a rebuild grows with it.
func swept() []Result {
	var all []Result
	for size := range 4 {
		rows := 1
		for range size {
			rows *= 100
		}
		for i := range 5 {
			wobble := time.Duration(i*11) * ms
			rewound := killPrimary(made{repetition: i + 1, rate: 50, outage: 170*ms + wobble, rewind: 900*ms + wobble})
			rebuilt := killPrimary(made{scenario: "rewind-refused", repetition: i + 1, rate: 50, rebuilt: true, rewind: time.Duration(300+400*size)*ms + wobble})
			for _, r := range []Result{rewound, rebuilt} {
				r.Run.Settings["ROWS"] = fmt.Sprint(rows)
				r.Run.ID += fmt.Sprintf("-rows%d", rows)
				all = append(all, r)
			}
		}
	}
	return all
}

func TestSweepFindsWhereARebuildWins(t *testing.T) {
	found := sweeps(Groups(Of("", swept()).Runs))
	if len(found) != 1 || found[0].Title != "ROWS" || len(found[0].Plots) != 4 {
		t.Fatalf("%d sweeps: %+v", len(found), found)
	}
	want := "By the medians: at 1 a rebuild is faster (rewind 922 ms, rebuild 322 ms); at 100 a rebuild is faster (rewind 922 ms, rebuild 722 ms); " +
		"at 10,000 a rewind is faster (rewind 922 ms, rebuild 1.12 s); at 1,000,000 a rewind is faster (rewind 922 ms, rebuild 1.52 s)."
	if found[0].Sentence != want {
		t.Errorf("got  %s\nwant %s", found[0].Sentence, want)
	}
	if few := sweeps(Groups(Of("", swept()[:2]).Runs)); len(few) != 0 {
		t.Errorf("a sweep of one size: %+v", few)
	}
	var noise []Result // three runs of each prove nothing, however far apart their medians are
	for i, r := range swept() {
		if i%10 < 6 {
			noise = append(noise, r)
		}
	}
	if text := sweeps(Groups(Of("", noise).Runs))[0].Sentence; !strings.Contains(text, "at 1 neither is faster by more than noise (rewind 911 ms, rebuild 311 ms)") || strings.Contains(text, "a rewind is") {
		t.Errorf("three runs of each: %s", text)
	}
	for _, p := range found[0].Plots {
		for _, s := range p.Series {
			if len(s.Points) != 4 {
				t.Errorf("%s, %s: %d points of 4 sizes", p.Title, s.Name, len(s.Points))
			}
			for _, point := range s.Points {
				if point.Y < plotTop || point.Y > plotBottom || point.X < plotLeft || point.X > plotRight || point.High > point.Low {
					t.Errorf("%s: a point outside: %+v", p.Title, point)
				}
			}
		}
	}
	text, err := Bench(Of("", swept()))
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range []string{"1", "100", "10000", "1000000"} {
		if n := strings.Count(string(text), "/rows="+rows+"/"); n != 10 {
			t.Errorf("%d lines for ROWS=%s, want 10", n, rows)
		}
	}
}

// Whatever can be swept gives a plot of the outage and of the way back, and lines in bench.txt that benchstat keeps apart.
func TestEverythingThatCanBeSweptGivesAPlotAndLines(t *testing.T) {
	setting := func(name string) func(*Result, string) {
		return func(r *Result, value string) {
			if value != "" { // not given, so not recorded: the default
				r.Run.Settings[name] = value
			}
		}
	}
	for dimension, c := range map[string]struct {
		values []string
		set    func(*Result, string)
		lines  string
	}{
		"ROWS":         {[]string{"0", "1000000"}, setting("ROWS"), "/rows="},
		"RATE":         {[]string{"100", "800"}, setting("RATE"), "/rate="},
		"BACKLOG":      {[]string{"16", "64", ""}, setting("BACKLOG"), "/backlog="},
		"CHECKSUMS":    {[]string{"on", "off"}, setting("CHECKSUMS"), "/checksums="},
		"procedure":    {[]string{"manual", "rebuild"}, func(r *Result, v string) { r.Run.Procedure = v }, "/procedure="},
		"commit level": {[]string{"async", "sync"}, func(r *Result, v string) { r.Run.Commit = v }, "/commit="},
		"version":      {[]string{"17", "18"}, func(r *Result, v string) { r.Run.Version = v + ".1" }, "/pg="},
	} {
		var results []Result
		for _, value := range c.values {
			for _, r := range repeated(3, 1, 180*ms, 900*ms) {
				c.set(&r, value)
				results = append(results, r)
			}
		}
		report := Of("", results)
		found := sweeps(Groups(report.Runs))
		if len(found) != 1 || found[0].Title != dimension {
			t.Errorf("%s: %d sweeps: %+v", dimension, len(found), found)
			continue
		}
		var titles []string
		for _, p := range found[0].Plots {
			titles = append(titles, p.Title)
		}
		for _, want := range []string{"outage by " + dimension, "way back by " + dimension} {
			if !slices.Contains(titles, want) {
				t.Errorf("%s: no plot %q among %q", dimension, want, titles)
			}
		}
		text, err := Bench(report)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found[0].Plots {
			for _, s := range p.Series {
				if len(s.Points) != len(c.values) {
					t.Errorf("%s: %d points of %d values", p.Title, len(s.Points), len(c.values))
				}
			}
		}
		for _, value := range slices.DeleteFunc(c.values, func(v string) bool { return v == "" }) {
			if n := strings.Count(string(text), c.lines+value); n != 3 {
				t.Errorf("%s: %d lines with %s%s, want 3:\n%s", dimension, n, c.lines, value, text)
			}
		}
	}
}

func TestNoSweepWithoutOne(t *testing.T) {
	if found := sweeps(Groups(Of("", repeated(4, 1, 180*ms, 900*ms)).Runs)); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func TestMatrixHasEveryGroup(t *testing.T) {
	report := Of("", drill())
	columns, rows := matrix(Groups(report.Runs))
	if len(columns) != 2 || len(rows) != 5 {
		t.Fatalf("%d columns, %d rows", len(columns), len(rows))
	}
	links, played := 0, 0
	for _, row := range rows {
		if len(row.Cells) != len(columns) {
			t.Errorf("%s has %d cells", row.Scenario, len(row.Cells))
		}
		for _, c := range row.Cells {
			links += len(c.Links)
			if c.Played {
				played++
			}
		}
	}
	if links != len(report.Runs) || played != 6 {
		t.Errorf("%d links of %d runs, %d cells", links, len(report.Runs), played)
	}
}

func TestTrends(t *testing.T) {
	now := Of("", repeated(6, 9, 180*ms, 900*ms))
	if trends(now, nil) != nil {
		t.Error("a trend of one report")
	}
	plots := trends(now, []Report{Of("", repeated(6, 1, 170*ms, 900*ms)), Of("", repeated(6, 2, 250*ms, 900*ms))})
	if len(plots) != 1 || len(plots[0].Series) != 3 || len(plots[0].Series[0].Points) != 3 {
		t.Fatalf("%+v", plots)
	}
	y := plots[0].Series[0].Points
	if y[1].Y >= y[0].Y || y[1].Y >= y[2].Y {
		t.Errorf("the second report's outage is the longest, its point must be the highest: %v", y)
	}
}
