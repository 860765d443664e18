package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// prepared asks whether a prepared transaction was left over: it holds its locks until somebody ends it by hand. What the run's own
// clients prepared and nobody tried to end was left on purpose, and TwoPhase judges it.
func prepared(run *history.Run) history.Verdict {
	meant := leftOnPurpose(run)
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		for _, gid := range node.Prepared {
			if !meant[gid] {
				wrong = append(wrong, fmt.Sprintf("the prepared transaction %q was left over and holds its locks", gid))
			}
		}
		return wrong, ""
	})
	if len(meant) > 0 {
		return saying(verdict, "No prepared transaction was left over but the %s that the load left on purpose.", number(len(meant)))
	}
	return saying(verdict, "No prepared transaction was left over.")
}

// leftOnPurpose are the gids that were prepared, or may have been, and that nobody tried to end.
func leftOnPurpose(run *history.Run) map[string]bool {
	meant := map[string]bool{}
	for i := range run.Ops {
		switch op := &run.Ops[i]; op.Kind {
		case history.Prepare:
			if op.Outcome != history.Failed {
				meant[op.Token] = true
			}
		case history.CommitPrepared, history.RollbackPrepared:
			delete(meant, op.Token)
		}
	}
	return meant
}
