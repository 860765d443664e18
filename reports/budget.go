package reports

import (
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// A budgetRow is what a scenario may cost and what it did cost.
type budgetRow struct {
	What, Allowed, Used, Word string
	Share                     float64 // percent of what is allowed, at most 100
	Limited, Over             bool
}

func budget(r Result) []budgetRow {
	b, loss := r.Run.Budget, r.Phases.Loss
	var outage time.Duration
	used := "no outage"
	if w := r.Phases.Outage; w != nil {
		outage, used = w.Length(), Duration(w.Length())
	}
	rows := []budgetRow{
		limit("outage", b.Outage > 0, Duration(b.Outage), used, float64(outage), float64(b.Outage)),
		limit("acknowledged writes lost", b.Lost >= 0, Number(b.Lost), Number(loss.Lost), float64(loss.Lost), float64(b.Lost)),
	}
	if b.MinBefore > 0 {
		rows = append(rows, floor(b.MinBefore, before(r.Run, r.Phases.Fault)))
	}
	if b.TwoWrite {
		rows = append(rows, budgetRow{What: "two writable nodes at once", Allowed: "part of the story", Used: "see the checks", Word: "allowed"})
	}
	return rows
}

func limit(what string, limited bool, allowed, used string, cost, most float64) budgetRow {
	row := budgetRow{What: what, Allowed: "not limited", Used: used, Word: "not limited", Limited: limited}
	if !limited {
		return row
	}
	row.Allowed, row.Word, row.Over = "at most "+allowed, "kept", cost > most
	if row.Over {
		row.Word = "exceeded"
	}
	switch {
	case most > 0:
		row.Share = round(min(100, 100*cost/most))
	case cost > 0:
		row.Share = 100
	}
	return row
}

// floor is the number of writes below which nothing was proven.
func floor(least, seen int) budgetRow {
	row := budgetRow{What: "acknowledged writes before the fault", Allowed: "at least " + Number(least), Used: Number(seen), Word: "enough"}
	if seen < least {
		row.Word, row.Over = "too few to prove anything", true
	}
	return row
}

// before counts the acknowledged writes before the fault, or in the whole run if there was none.
func before(run *history.Run, fault *time.Duration) int {
	n := 0
	for i := range run.Ops {
		op := &run.Ops[i]
		if op.Kind != history.Read && acknowledged(op.Outcome) && (fault == nil || op.Return < *fault) {
			n++
		}
	}
	return n
}
