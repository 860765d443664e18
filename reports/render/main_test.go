package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/reports"
)

// play leaves a run's folder with one write in it: too little to prove anything.
func play(t *testing.T, out, id string) {
	t.Helper()
	recorder, err := history.Create(filepath.Join(out, id))
	if err != nil {
		t.Fatal(err)
	}
	recorder.Op(history.Op{Kind: history.Append, Token: "a", Outcome: history.OK, Return: time.Second})
	if err := recorder.Manifest(history.Manifest{Format: 1, ID: id, Scenario: "kill-primary", Budget: history.Budget{MinBefore: 50}}); err != nil {
		t.Fatal(err)
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRenderJudgesAndWrites(t *testing.T) {
	out := t.TempDir()
	play(t, out, "one")
	play(t, out, "two")
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = said.Close() })
	var complaints bytes.Buffer
	if got := run([]string{out}, said, &complaints); got != bad {
		t.Fatalf("status %d, want %d: %s", got, bad, complaints.String())
	}
	report, err := reports.Read(filepath.Join(out, reports.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 2 || report.Status == history.Pass || report.Runs[0].Page != "one/timeline.html" {
		t.Errorf("%d runs, status %s, page %q", len(report.Runs), report.Status, report.Runs[0].Page)
	}
	for _, name := range []string{report.Runs[0].Page, reports.JUnitFile, reports.SummaryFile, reports.BenchFile} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := run([]string{"-earlier", filepath.Join(out, reports.ReportFile), filepath.Join(out, "one")}, said, &complaints); got != bad {
		t.Errorf("one run alone: status %d: %s", got, complaints.String())
	}
}

func TestRenderRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {t.TempDir()}, {"-earlier", "/nowhere", t.TempDir()}, {"-what"}} {
		var complaints bytes.Buffer
		if got := run(args, os.Stdout, &complaints); got != couldNot || !strings.Contains(complaints.String(), " ") {
			t.Errorf("%v: status %d: %q", args, got, complaints.String())
		}
	}
}
