package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Sequences judges what was handed out once only: no value of one sequence is given to two clients, also not before and after a
// failover. A sequence may jump (PostgreSQL logs 32 values ahead), and it may give an uncommitted value twice after a crash, so
// only acknowledged values count. What was handed out before a promotion that lost it is handed out again after it: each such value
// counts against the budget for lost writes.
type Sequences struct{}

// Name is how reports call it.
func (Sequences) Name() string { return "sequences" }

// Applies says whether the run took values.
func (Sequences) Applies(run *history.Run) bool { return hasKind(run, history.Next) }

// Check is a pure function of the run.
func (Sequences) Check(run *history.Run) history.Verdict {
	type handed struct {
		workload, key string
		value         int64
	}
	first := map[handed]*history.Op{}
	keys := map[[2]string]bool{}
	var wrong, lost []history.Witness
	for i := range run.Ops {
		op := &run.Ops[i]
		if op.Kind != history.Next || op.Outcome != history.OK && op.Outcome != history.LocalOnly {
			continue
		}
		for _, a := range op.Txn {
			if a.Key == "" || !a.Write {
				return malformed(i, op, fmt.Errorf("a value without a sequence, or not handed out"))
			}
			keys[[2]string{op.Workload, a.Key}] = true
			given := handed{op.Workload, a.Key, a.Value}
			if before := first[given]; before != nil {
				again := saw(op, fmt.Sprintf("%d of %q, which %s had been given at %s", a.Value, a.Key, txn.Who(before), at(before.Return)))
				if before.Timeline > 0 && op.Timeline > before.Timeline {
					lost = append(lost, again)
				} else {
					wrong = append(wrong, again)
				}
				continue
			}
			first[given] = op
		}
	}
	if run.Budget.Lost >= 0 && len(lost) > run.Budget.Lost {
		wrong = append(wrong, lost...)
	}
	switch {
	case len(wrong) > 0:
		return fail(wrong, "%s handed out twice: %s.", capital(count(len(wrong), "value")+" "+wasWere(len(wrong))), wrong[0].Detail)
	case len(first) == 0:
		return unknown("No value was acknowledged: nothing is known of the sequences.")
	case len(lost) > 0:
		return with(pass("%s of %s were each handed out once, but for %s that a promotion lost and gave again, within the budget.",
			count(len(first), "value"), count(len(keys), "sequence"), number(len(lost))), lost)
	}
	return pass("%s of %s were each handed out once.", count(len(first), "value"), count(len(keys), "sequence"))
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
