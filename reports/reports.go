// Package reports turns runs, verdicts and phases into what people and machines read.
package reports

import "github.com/pgcrucible/pgcrucible/harness/history"

// Result is one judged run: all that a report is made of.
type Result struct {
	Run      *history.Run
	Verdicts []history.Verdict
	Phases   history.Phases
	Dir      string // the run's folder
}
