// Package check judges a finished run. Every checker is a pure function of the run: no cluster, no database, no clock.
package check

import "github.com/pgcrucible/pgcrucible/harness/history"

// Checker looks for one kind of thing that may be wrong.
type Checker interface {
	Name() string
	Check(run *history.Run) history.Verdict
}

// All are the checkers that every run is judged by, in the order of the report.
func All() []Checker { return nil }

// Judge applies checkers. One that panics says unknown, with the panic as its sentence.
func Judge(run *history.Run, checkers []Checker) []history.Verdict { return nil }

// Overall is the worst of the verdicts: fail, then unknown, then pass; none is unknown.
func Overall(verdicts []history.Verdict) history.Status { return history.Undecided }
