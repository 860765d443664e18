package check

import "github.com/pgcrucible/pgcrucible/harness/history"

// outcomes asks whether clients were left not knowing, where the story says that they must not be.
func outcomes(run *history.Run) history.Verdict {
	if len(run.Ops) == 0 {
		return unknown("No operation was recorded.")
	}
	var left []*history.Op
	for i := range run.Ops {
		if op := &run.Ops[i]; op.Outcome == history.Unknown && op.Writes() {
			left = append(left, op)
		}
	}
	switch {
	case len(left) == 0:
		return pass("Every client knows what became of its writes.")
	case run.Expect.NoUnknown:
		return fail(shown(left, "no answer"), "The clients do not know what became of %s; in this story they must.", count(len(left), "write"))
	}
	return pass("The clients do not know what became of %s, as may be when a server is lost.", count(len(left), "write"))
}
