// Package check judges a finished run. Every checker is a pure function of the run: no cluster, no database, no clock.
//
// A checker says pass only if it saw what it needs: where the record is too thin, it says unknown. Each says what is
// wrong in one sentence for a person who was called at night, and shows at most twenty witnesses.
package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Checker looks for one kind of thing that may be wrong.
type Checker interface {
	Name() string
	Check(run *history.Run) history.Verdict
}

// Optional is a checker of something that not every run has. Where it does not apply it gives no verdict at all.
type Optional interface {
	Checker
	Applies(run *history.Run) bool
}

// All are the checkers that every run is judged by, in the order of the report: first whether the run can be judged,
// then what was lost, then for how long, then whether the pair is whole.
func All() []Checker {
	return []Checker{
		named{"story", story},
		named{"faults", faults},
		named{"operations", operations},
		named{"durability", durability},
		named{"outcomes", outcomes},
		named{"silence", silence},
		named{"outage", outage},
		named{"one-writable", oneWritable},
		named{"timelines", timelines},
		named{"rejoined", rejoined},
		named{"way-back", wayBack},
		named{"contents", contents},
		named{"slots", slots},
		named{"prepared", prepared},
		named{"identity", identity},
		named{"checksums", checksums},
		named{"amcheck", amcheck},
		named{"archive", archive},
		named{"logs", logs},
		Serializability{},
		Linearizable{},
		Bank{},
		Sequences{},
		StandbyReads{},
		TwoPhase{},
	}
}

// named makes a checker of a function.
type named struct {
	name  string
	check func(*history.Run) history.Verdict
}

func (n named) Name() string { return n.name }

func (n named) Check(run *history.Run) history.Verdict { return n.check(run) }

// Judge applies checkers, leaving out optional ones that do not apply. One that panics says unknown, with the panic as its sentence.
func Judge(run *history.Run, checkers []Checker) []history.Verdict {
	verdicts := make([]history.Verdict, 0, len(checkers))
	for _, checker := range checkers {
		if verdict, applies := guarded(run, checker); applies {
			verdicts = append(verdicts, verdict)
		}
	}
	return verdicts
}

func guarded(run *history.Run, checker Checker) (verdict history.Verdict, applies bool) {
	defer func() {
		if cause := recover(); cause != nil {
			applies = true
			verdict = history.Verdict{Status: history.Undecided, Sentence: fmt.Sprintf("The checker itself broke: %v", cause)}
		}
		verdict.Checker = checker.Name()
	}()
	if optional, ok := checker.(Optional); ok && !optional.Applies(run) {
		return verdict, false
	}
	verdict = checker.Check(run)
	switch verdict.Status {
	case history.Pass, history.Fail, history.Undecided:
	default:
		verdict.Sentence = fmt.Sprintf("The checker gave no verdict but %q: %s", verdict.Status, verdict.Sentence)
		verdict.Status = history.Undecided
	}
	return verdict, true
}

// Overall is the worst of the verdicts: fail, then unknown, then pass; none is unknown.
func Overall(verdicts []history.Verdict) history.Status {
	overall := history.Pass
	for _, verdict := range verdicts {
		switch verdict.Status {
		case history.Fail:
			return history.Fail
		case history.Pass:
		default:
			overall = history.Undecided
		}
	}
	if len(verdicts) == 0 {
		return history.Undecided
	}
	return overall
}
