// Command render judges saved runs again and writes all reports anew.
//
//	go run ./reports/render [-out DIR] [-bench] [-earlier report.json]... FOLDER...
//
// A FOLDER is a run's folder (with run.json) or one that holds such folders, at most two levels down, so an output folder,
// or one that holds the output folders of a sweep. Without -out the reports go to the first FOLDER, or beside it if it is a
// run. Exit status 0, 1 (a verdict is bad), 2 (nothing could be read or written).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/check"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/judge"
	"github.com/pgcrucible/pgcrucible/harness/timing"
	"github.com/pgcrucible/pgcrucible/reports"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const (
	good     = 0
	bad      = 1
	couldNot = 2
)

// asked is what the command line says.
type asked struct {
	out     string
	bench   bool
	earlier []string
	folders []string
}

func run(args []string, out *os.File, complaints io.Writer) int {
	a, err := parse(args, complaints)
	if err != nil {
		return couldNot
	}
	results, err := load(a.folders)
	if err == nil && len(results) == 0 {
		err = fmt.Errorf("no %s in or below %v", history.ManifestFile, a.folders)
	}
	if err == nil {
		err = write(a, results)
	}
	if err != nil {
		fmt.Fprintln(complaints, err)
		return couldNot
	}
	for _, r := range results {
		fmt.Fprint(out, reports.Failure(r, reports.Colour(out)))
	}
	fmt.Fprint(out, reports.Table(results, reports.Colour(out)))
	if a.bench {
		fmt.Fprint(out, "\n", reports.BenchTable(results, reports.Colour(out)))
	}
	if slices.ContainsFunc(results, func(r reports.Result) bool { return reports.Bad(r.Status()) }) {
		return bad
	}
	return good
}

func parse(args []string, complaints io.Writer) (a asked, err error) {
	flags := flag.NewFlagSet("render", flag.ContinueOnError)
	flags.SetOutput(complaints)
	flags.StringVar(&a.out, "out", "", "where the reports go")
	flags.BoolVar(&a.bench, "bench", false, "print medians, intervals and a histogram too")
	flags.Func("earlier", "an earlier report.json, for trends; may be given often, oldest first", func(path string) error {
		a.earlier = append(a.earlier, path)
		return nil
	})
	flags.Usage = func() {
		fmt.Fprintln(complaints, "usage: render [-out DIR] [-bench] [-earlier report.json]... FOLDER...")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return a, err
	}
	if a.folders = flags.Args(); len(a.folders) == 0 {
		flags.Usage()
		return a, errors.New("no folder")
	}
	if a.out == "" {
		a.out = a.folders[0]
		if isRun(a.out) {
			a.out = filepath.Dir(filepath.Clean(a.out))
		}
	}
	return a, nil
}

func isRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, history.ManifestFile))
	return err == nil
}

// load reads and judges every run in or below the folders, in the order in which they began.
func load(folders []string) ([]reports.Result, error) {
	var results []reports.Result
	for _, folder := range folders {
		for _, dir := range runsBelow(folder) {
			run, err := history.Load(dir)
			if err != nil {
				return nil, err
			}
			if err := judge.Draw(dir, run); err != nil {
				return nil, err
			}
			results = append(results, reports.Result{Run: run, Verdicts: check.Judge(run, check.All()), Phases: timing.Of(run), Dir: dir})
		}
	}
	slices.SortStableFunc(results, func(a, b reports.Result) int { return a.Run.Began.Compare(b.Run.Began) })
	return results, nil
}

func runsBelow(folder string) []string {
	if isRun(folder) {
		return []string{folder}
	}
	var dirs []string
	for _, pattern := range []string{"*/" + history.ManifestFile, "*/*/" + history.ManifestFile} {
		found, err := fs.Glob(os.DirFS(folder), pattern)
		if err != nil {
			continue // the patterns are good; a folder that cannot be read has no runs
		}
		for _, path := range found {
			dirs = append(dirs, filepath.Join(folder, filepath.Dir(path)))
		}
	}
	return dirs
}

func write(a asked, results []reports.Result) error {
	var options reports.Options
	for _, path := range a.earlier {
		report, err := reports.Read(path)
		if err != nil {
			return err
		}
		options.Earlier = append(options.Earlier, report)
	}
	return reports.Write(a.out, results, options)
}
