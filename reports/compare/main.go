// Command compare says in words what became slower between two reports, by how much, and whether that is more than noise.
//
//	go run ./reports/compare [-fail-on regression] OLD NEW
//
// OLD and NEW are report.json files or the folders that hold one. Exit status 0, 1 (there is a regression and -fail-on
// regression was given), 2 (a report could not be read).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pgcrucible/pgcrucible/reports"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const (
	good       = 0
	regression = 1
	couldNot   = 2
)

func run(args []string, out, complaints io.Writer) int {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(complaints)
	failOn := flags.String("fail-on", "", "regression: end with status 1 if anything became worse by more than noise")
	flags.Usage = func() {
		fmt.Fprintln(complaints, "usage: compare [-fail-on regression] OLD NEW    (report.json files, or folders that hold one)")
	}
	if err := flags.Parse(args); err != nil {
		return couldNot
	}
	if flags.NArg() != 2 || *failOn != "" && *failOn != "regression" {
		flags.Usage()
		return couldNot
	}
	old, err := read(flags.Arg(0))
	if err != nil {
		fmt.Fprintln(complaints, err)
		return couldNot
	}
	now, err := read(flags.Arg(1))
	if err != nil {
		fmt.Fprintln(complaints, err)
		return couldNot
	}
	found := reports.Compare(old, now)
	fmt.Fprint(out, found)
	if *failOn == "regression" && found.Regression() {
		return regression
	}
	return good
}

// read takes a report.json, or the one in a folder.
func read(path string) (reports.Report, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, reports.ReportFile)
	}
	return reports.Read(path)
}
