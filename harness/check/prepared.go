package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// prepared asks whether a prepared transaction was left over: it holds its locks until somebody ends it by hand.
func prepared(run *history.Run) history.Verdict {
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		for _, gid := range node.Prepared {
			wrong = append(wrong, fmt.Sprintf("the prepared transaction %q was left over and holds its locks", gid))
		}
		return wrong, ""
	})
	return saying(verdict, "No prepared transaction was left over.")
}
