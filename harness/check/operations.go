package check

import "github.com/pgcrucible/pgcrucible/harness/history"

// operations asks whether enough was written before anything was done to the pair: a failover of an idle pair shows nothing.
func operations(run *history.Run) history.Verdict {
	acks := run.Acknowledged()
	if len(acks) == 0 {
		return unknown("No write was acknowledged in this run: it says nothing about losing writes.")
	}
	began, disturbed := run.Disturbed()
	before := len(acks)
	if disturbed {
		before = 0
		for _, op := range acks {
			if op.Return < began {
				before++
			}
		}
	}
	if floor := max(run.Budget.MinBefore, 1); before < floor {
		return unknown("Only %s acknowledged before the pair was touched; %s are needed to say anything.", count(before, "write"), number(floor))
	}
	return pass("%s acknowledged before the pair was touched, %s in all.", capital(count(before, "write")), number(len(acks)))
}
