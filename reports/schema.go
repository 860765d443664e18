package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Format is the version of report.json that is written. A reader takes every version up to this one; fields may be added
// within a version, and a changed or removed one makes a new version.
const Format = 1

// Report is report.json: all runs of one job. Durations are nanoseconds on the run's clock, which began at 0 when the run
// began; moments of the day are RFC 3339. Measures are in their own units.
type Report struct {
	Format int            `json:"format"`
	Made   time.Time      `json:"made"`   // when the last of its runs ended
	Status history.Status `json:"status"` // the worst of its runs; skipped ones count only if there is nothing else
	Runs   []Entry        `json:"runs"`
}

// Entry is one run in report.json.
type Entry struct {
	ID         string            `json:"id"`
	Scenario   string            `json:"scenario"`
	Story      string            `json:"story,omitempty"`
	Procedure  string            `json:"procedure"`
	Version    string            `json:"version"` // PostgreSQL's own, 17.11
	Commit     string            `json:"commit"`
	Repetition int               `json:"repetition"` // from 1
	Seed       uint64            `json:"seed"`
	Status     history.Status    `json:"status"`   // pass, fail, unknown or skipped
	Sentence   string            `json:"sentence"` // the verdict in plain words
	Measures   map[Unit]float64  `json:"measures"` // by unit; what did not happen is absent
	Verdicts   []history.Verdict `json:"verdicts"`
	Phases     history.Phases    `json:"phases"`
	Budget     history.Budget    `json:"budget"`
	Image      string            `json:"image"`
	Pair       string            `json:"pair,omitempty"` // fresh, or reset and by what it was found equal to a fresh one
	Plan       []string          `json:"plan,omitempty"`
	Settings   map[string]string `json:"settings,omitempty"`
	Machine    map[string]string `json:"machine,omitempty"`
	Began      time.Time         `json:"began"`
	Ended      time.Time         `json:"ended,omitzero"`
	Replay     string            `json:"replay"`
	Error      string            `json:"error,omitempty"`
	Skipped    string            `json:"skipped,omitempty"`
	Dirty      bool              `json:"dirty,omitempty"`
	Dir        string            `json:"dir"`            // the run's folder, relative to report.json where it lies below
	Page       string            `json:"page,omitempty"` // its timeline.html, relative to report.json
}

// Of makes the report of results; outDir is where it will lie, for the links to the runs' folders.
func Of(outDir string, results []Result) Report {
	report := Report{Format: Format, Runs: []Entry{}}
	for _, r := range results {
		report.Runs = append(report.Runs, entry(outDir, r))
		if r.Run.Ended.After(report.Made) {
			report.Made = r.Run.Ended
		}
	}
	report.Status = overall(report.Runs)
	return report
}

func entry(outDir string, r Result) Entry {
	run := r.Run
	return Entry{
		ID: run.ID, Scenario: run.Scenario, Story: run.Story, Procedure: run.Procedure, Version: run.Version,
		Commit: run.Commit, Repetition: run.Repetition, Seed: run.Seed,
		Status: r.Status(), Sentence: r.Sentence(), Measures: measure(r), Verdicts: r.Verdicts, Phases: r.Phases,
		Budget: run.Budget, Image: run.Image, Pair: run.Pair, Plan: run.Plan, Settings: run.Settings, Machine: run.Machine,
		Began: run.Began, Ended: run.Ended, Replay: run.Replay,
		Error: run.Error, Skipped: run.Skipped, Dirty: run.Dirty, Dir: relative(outDir, r.Dir),
	}
}

// relative is dir as seen from outDir, so that the folder can be moved or kept as an artefact; another place stays as it is.
func relative(outDir, dir string) string {
	from, err1 := filepath.Abs(outDir)
	to, err2 := filepath.Abs(dir)
	if errors.Join(err1, err2) != nil || dir == "" {
		return dir
	}
	rel, err := filepath.Rel(from, to)
	if err != nil || !filepath.IsLocal(rel) {
		return dir
	}
	return filepath.ToSlash(rel)
}

// overall is the worst status: fail, then unknown, then pass, then skipped; of nothing it is unknown.
func overall(entries []Entry) history.Status {
	rank := map[history.Status]int{Skipped: 1, history.Pass: 2, history.Undecided: 3, history.Fail: 4}
	worst := history.Status("")
	for _, e := range entries {
		if rank[e.Status] > rank[worst] {
			worst = e.Status
		}
	}
	if worst == "" {
		return history.Undecided
	}
	return worst
}

// Read reads a report.json of this or an earlier version.
func Read(path string) (Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Report{}, fmt.Errorf("read report: %w", err)
	}
	report, err := Parse(text)
	if err != nil {
		return Report{}, fmt.Errorf("read report %s: %w", path, err)
	}
	return report, nil
}

// Parse reads the text of a report.json of this or an earlier version.
func Parse(text []byte) (Report, error) {
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Report{}, err
	}
	switch {
	case head.Format == nil:
		return Report{}, errors.New("no format in it: not a report.json")
	case *head.Format < 1 || *head.Format > Format:
		return Report{}, fmt.Errorf("format %d: this program reads 1 to %d", *head.Format, Format)
	}
	var report Report
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&report); err != nil {
		return Report{}, err
	}
	return report, nil
}
