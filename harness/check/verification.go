package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// checksums asks whether every data page of every node has the checksum that it says it has.
// Where the run was asked to have none, it asks whether there are none: then nobody may say that they are sound.
func checksums(run *history.Run) history.Verdict {
	if run.Expect.NoChecksums {
		return noChecksums(run)
	}
	return verified(run, "the data checksums", func(node *history.NodeState) *history.Verification { return node.Checksums })
}

// noChecksums believes the servers' own setting.
func noChecksums(run *history.Run) history.Verdict {
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		switch has, known := node.Settings["data_checksums"]; {
		case !known:
			return nil, "whether there are data checksums was not read"
		case has != "off":
			return []string{"data checksums are " + has + ", although the run was to have none"}, ""
		}
		return nil, ""
	})
	return saying(verdict, "There are no data checksums on any node, as asked: of damaged pages only pg_amcheck can tell.")
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
