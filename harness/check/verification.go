package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// checksums asks whether every data page of every node has the checksum that it says it has.
func checksums(run *history.Run) history.Verdict {
	return verified(run, "the data checksums", func(node *history.NodeState) *history.Verification { return node.Checksums })
}

// amcheck asks whether the indexes and tables of every node are sound by pg_amcheck.
func amcheck(run *history.Run) history.Verdict {
	return verified(run, "tables and indexes (pg_amcheck)", func(node *history.NodeState) *history.Verification { return node.Amcheck })
}

func verified(run *history.Run, what string, of func(*history.NodeState) *history.Verification) history.Verdict {
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		result := of(node)
		switch {
		case result == nil || !result.Ran:
			blind = what + " were not verified"
			if result != nil && result.Detail != "" {
				blind += ": " + dot(result.Detail)
			}
			return nil, blind
		case !result.Clean:
			return []string{fmt.Sprintf("%s are damaged: %s", what, dot(result.Detail))}, ""
		}
		return nil, ""
	})
	return saying(verdict, "%s are sound on every node.", capital(what))
}
