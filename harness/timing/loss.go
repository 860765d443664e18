package timing

import (
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// loss is the RPO. Without one primary at the end, or without its rows, nothing is known to be lost and Lost is 0: the
// checker durability says unknown then.
func loss(run *history.Run) history.Loss {
	primary, err := run.FinalPrimary()
	if err != nil || len(primary.Tokens) == 0 {
		return history.Loss{}
	}
	ledger := run.Ledger(primary)
	return history.Loss{
		Acknowledged: ledger.Acknowledged,
		Lost:         len(ledger.Missing),
		LocalOnly:    len(ledger.LocalMissing),
		Unknown:      ledger.Unknown,
		Span:         history.LossSpan(ledger.Missing),
		WALBytes:     walBytes(primary, append(ledger.Missing, ledger.LocalMissing...)),
	}
}

// walBytes is how far the lost writes reach past the points at which their timelines were left, by the history file of
// the final primary's timeline; -1 if that, or a write's position, is not known.
func walBytes(primary *history.NodeState, lost []*history.Op) int64 {
	if len(lost) == 0 {
		return 0
	}
	ancestors, err := pg.ParseAncestry(primary.Histories[primary.Timeline.File()])
	if err != nil {
		return -1
	}
	reached := make(map[pg.Timeline]pg.LSN)
	for _, op := range lost {
		reached[op.Timeline] = max(reached[op.Timeline], op.LSN)
	}
	var bytes int64
	for _, ancestor := range ancestors {
		if lsn := reached[ancestor.Timeline]; lsn > ancestor.Switch {
			bytes += int64(lsn - ancestor.Switch) //nolint:gosec // less than 8 EB
		}
	}
	if bytes == 0 {
		return -1 // lost, and yet nothing is past a switch point: the positions are not known
	}
	return bytes
}
