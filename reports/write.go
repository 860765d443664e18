package reports

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Files that Write leaves in the output folder.
const (
	ReportFile  = "report.json"
	JUnitFile   = "junit.xml"
	SummaryFile = "summary.md"
	IndexFile   = "index.html"
)

// Options are what the reports of a job may be given beside its results.
type Options struct {
	Earlier []Report // of earlier jobs, for trends, oldest first
}

// Write writes all reports of results into outDir, which should be the folder that holds the runs' folders: links between
// the pages are relative, so that the folder can be moved, zipped and kept as an artefact. All that can be written is
// written; the errors are joined.
func Write(outDir string, results []Result, options Options) error {
	if err := os.MkdirAll(outDir, 0o755); err != nil {
		return fmt.Errorf("write reports: %w", err)
	}
	report := Of(outDir, results)
	var failed []error
	for i, r := range results {
		page, err := writePage(outDir, r)
		report.Runs[i].Page = page
		failed = append(failed, err)
	}
	junit, err1 := JUnit(report)
	bench, err2 := Bench(report)
	index, err3 := indexHTML(report, options.Earlier)
	return errors.Join(err1, err2, err3, errors.Join(failed...),
		history.WriteJSON(filepath.Join(outDir, ReportFile), report),
		put(outDir, JUnitFile, junit),
		put(outDir, SummaryFile, []byte(Summary(report))),
		put(outDir, BenchFile, bench),
		put(outDir, IndexFile, index),
	)
}

// writePage writes a run's timeline.html and says where it is, as seen from outDir.
func writePage(outDir string, r Result) (page string, err error) {
	if r.Dir == "" || r.Run.Skipped != "" {
		return "", nil
	}
	index := ""
	if back, err := filepath.Rel(r.Dir, outDir); err == nil {
		index = filepath.ToSlash(filepath.Join(back, IndexFile))
	}
	if err := writeTimeline(r, index); err != nil {
		return "", err
	}
	return relative(outDir, filepath.Join(r.Dir, TimelineFile)), nil
}

func put(dir, name string, text []byte) error {
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
