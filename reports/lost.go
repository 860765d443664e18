package reports

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// lostTable lists the acknowledged writes that are missing at the end.
type lostTable struct {
	Rows  []lostRow
	Total int
	More  int
	Note  string
}

type lostRow struct {
	Token, Client, At, Node, Timeline, LSN, Past string
}

// missing are the acknowledged writes that are not on the final primary, by the time of their acknowledgement; nothing if
// there is no one final primary whose rows were read.
func missing(run *history.Run) []*history.Op {
	primary, err := run.FinalPrimary()
	if err != nil || len(primary.Tokens) == 0 {
		return nil
	}
	ledger := run.Ledger(primary)
	return append(ledger.Missing, ledger.LocalMissing...)
}

func lostRows(r Result, lost []*history.Op) lostTable {
	t := lostTable{Total: len(lost)}
	primary, err := r.Run.FinalPrimary()
	if err != nil || len(primary.Tokens) == 0 {
		t.Note = "The final primary's rows were not read, so it is not known which writes are missing."
		return t
	}
	switches := primary.Switches()
	for _, op := range lost[:min(len(lost), mostLost)] {
		row := lostRow{
			Token: line(op.Token), Client: fmt.Sprintf("%d (write %d)", op.Client, op.Seq), At: clock(op.Return), Node: line(op.Node),
			Timeline: fmt.Sprint(op.Timeline), LSN: op.LSN.String(), Past: "not known",
		}
		if op.Outcome == history.LocalOnly {
			row.Token += " (acknowledged locally only)"
		}
		if point, known := switches[op.Timeline]; known && op.LSN > 0 {
			row.Past = against(int64(op.LSN) - int64(point)) //nolint:gosec // WAL positions are far below 8 EB
		}
		t.Rows = append(t.Rows, row)
	}
	t.More = len(lost) - len(t.Rows)
	return t
}

// against is a position against the switch point of its timeline.
func against(bytes int64) string {
	if bytes < 0 {
		return Bytes(-bytes) + " before"
	}
	return Bytes(bytes) + " past"
}
