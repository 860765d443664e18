package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// archive asks whether WAL is archived on the primary at the end: an archive that exists on the first primary only makes
// archiving fail for ever after a promotion, and nothing else shows it.
func archive(run *history.Run) history.Verdict {
	primary := newest(run)
	if primary == nil {
		return unknown("No node is a primary at the end: whether WAL is archived cannot be told.")
	}
	if primary.Settings["archive_mode"] == "off" {
		return pass("This pair does not archive WAL.")
	}
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		switch {
		case node.Archiver == nil:
			return nil, "pg_stat_archiver was not read"
		case node.Archiver.Failed > 0:
			return []string{fmt.Sprintf("archiving WAL failed %s", count(int(node.Archiver.Failed), "time"))}, ""
		case node == primary && run.Expect.Promotions > 0 && node.Archiver.Archived == 0:
			return nil, "nothing was archived since its promotion, not even the timeline's history"
		}
		return nil, ""
	})
	return saying(verdict, "WAL is archived on %s, and archiving never failed.", primary.Node)
}
