package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// outage asks for how long at most nobody's write was acknowledged, whatever the reason, and whether the story allows that.
func outage(run *history.Run) history.Verdict {
	longest, ok := run.LongestSilence()
	if !ok {
		return unknown("Too few writes were acknowledged to say for how long nobody could write.")
	}
	acks := run.Acknowledged()
	last := acks[len(acks)-1].Return
	told := fmt.Sprintf("No write was acknowledged for %s, from %s to %s", took(longest.Length()), at(longest.From), at(longest.To))
	if longest.From >= last && run.Outage() != nil {
		return fail(nil, "%s, and none after that: the outage never ended.", told)
	}
	switch budget := run.Budget.Outage; {
	case budget == 0:
		return pass("%s; the story sets no limit.", told)
	case longest.Length() > budget:
		return fail([]history.Witness{{At: longest.From, Detail: "the last acknowledged write"}, {At: longest.To, Detail: "the next one"}},
			"%s; the story allows %s.", told, took(budget))
	default:
		return pass("%s; the story allows %s.", told, took(budget))
	}
}
