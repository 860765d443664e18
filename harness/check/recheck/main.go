// Recheck judges a recorded run again and compares, byte for byte, with what was made of it when it was played.
//
// Usage: recheck DIR. It prints the verdicts. Exit status 0: the same, and good; 1: the same, and bad; 2: it cannot be
// judged, or what comes out is not the same.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/judge"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] == "" {
		fmt.Fprintln(os.Stderr, "usage: recheck DIR, for example: make recheck RUN=out/<run>")
		os.Exit(2)
	}
	status, err := recheck(os.Stdout, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "recheck:", err)
		os.Exit(2)
	}
	if status != history.Pass {
		os.Exit(1)
	}
}

// recheck prints the verdicts of a run's folder and returns the worst; an error says that they are not those recorded.
func recheck(out io.Writer, dir string) (history.Status, error) {
	run, err := history.Load(dir)
	if err != nil {
		return history.Undecided, err
	}
	again := judge.Of(run)
	if err := list(out, again.Verdicts); err != nil {
		return history.Undecided, err
	}
	recorded, err := os.ReadFile(filepath.Join(dir, history.VerdictsFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return history.Undecided, fmt.Errorf("%s was never judged: nothing to compare with", dir)
	case err != nil:
		return history.Undecided, err
	}
	made, err := history.JSON(again)
	if err != nil {
		return history.Undecided, err
	}
	if line, differ := firstDifference(recorded, made); differ {
		return history.Undecided, fmt.Errorf("%s, line %d: the verdicts are not those recorded (another version of the checkers?)",
			filepath.Join(dir, history.VerdictsFile), line)
	}
	_, err = fmt.Fprintf(out, "the same verdicts as recorded, byte for byte (%d bytes)\n", len(made))
	return again.Overall(), err
}

func list(out io.Writer, verdicts []history.Verdict) error {
	for _, v := range verdicts {
		if _, err := fmt.Fprintf(out, "%-8s %-14s %s\n", v.Status, v.Checker, v.Sentence); err != nil {
			return err
		}
	}
	return nil
}

// firstDifference is the first line in which two texts differ, from 1.
func firstDifference(a, b []byte) (line int, differ bool) {
	if bytes.Equal(a, b) {
		return 0, false
	}
	linesA, linesB := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(linesA), len(linesB)) {
		if !bytes.Equal(linesA[i], linesB[i]) {
			return i + 1, true
		}
	}
	return min(len(linesA), len(linesB)) + 1, true
}
