package reports

import (
	"strings"
	"testing"
)

// A measurement that was spoiled says so wherever its numbers are shown first: in the terminal, in the CI job's summary, in
// bench.txt and on the page.
func TestWhatSpoiledAMeasurementIsShownEverywhere(t *testing.T) {
	results := repeated(3, 5, 180*ms, 900*ms)
	results[1].Run.Machine["spoiled: load"] = "3.10 running or waiting on 2 CPUs when the run began"
	results[2].Run.Machine["spoiled: load"] = "2.90 running or waiting on 2 CPUs when the run began"
	results[2].Run.Machine["spoiled: clock"] = "the wall clock was set by 2s\x1b[31m <b>"
	report := Of("", results)
	bench, err := Bench(report)
	if err != nil {
		t.Fatal(err)
	}
	page, err := indexHTML(report, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"terminal": Table(results, true), "summary": Summary(report), "bench table": BenchTable(results, false), "bench.txt": string(bench), "index": string(page),
	} {
		for _, part := range []string{"load", "3.10 running or waiting on 2 CPUs", "clock", "was set by 2s"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s does not say %q:\n%s", name, part, text)
			}
		}
		if strings.Contains(text, "2s\x1b") || strings.Contains(text, "<b> in") {
			t.Errorf("%s obeys text from elsewhere", name)
		}
	}
	if text := Table(results, false); !strings.Contains(text, "spoiled by load in 2 of 3 runs; kill-primary, sync, manual, PostgreSQL 17.11, run 2: 3.10") || strings.Contains(text, "2.90") {
		t.Errorf("a condition is not one line:\n%s", text)
	}
	if text := Table(repeated(3, 5, 180*ms, 900*ms), false) + Summary(Of("", drill())); strings.Contains(text, "spoiled") {
		t.Errorf("quiet runs were spoiled:\n%s", text)
	}
}
