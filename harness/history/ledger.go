package history

import (
	"cmp"
	"slices"
	"time"
)

// Ledger is what became of the writes that carry tokens, by looking at one node's table when all was quiet.
type Ledger struct {
	Acknowledged int   // OK: the commit was acknowledged
	LocalOnly    int   // acknowledged without the standby
	Unknown      int   // the answer never came
	Resolved     int   // of Unknown: present after all
	Missing      []*Op // of Acknowledged, not present; by the time of their acknowledgement
	LocalMissing []*Op // of LocalOnly, not present
	Resurrected  []*Op // certainly not committed, and yet present
	Repeated     []*Op // present more than once
	Reused       []*Op // whose token another operation has too: the record is not sound
	Foreign      int   // tokens present that no recorded operation wrote: the record is not whole
}

// Ledger compares the tokens of the run's operations with those present on a node.
// It needs one pass over the operations and one over the tokens.
func (run *Run) Ledger(node *NodeState) Ledger {
	var l Ledger
	seen := newTokenSet(len(run.Ops))
	matched := 0
	for i := range run.Ops {
		op := &run.Ops[i]
		if op.Kind != Append || op.Token == "" {
			continue
		}
		if !seen.add(run.Ops, i) {
			l.Reused = append(l.Reused, op)
			continue
		}
		times := node.Tokens[op.Token]
		if times > 0 {
			matched++
		}
		l.add(op, times)
	}
	l.Foreign = len(node.Tokens) - matched
	byReturn := func(a, b *Op) int { return cmp.Compare(a.Return, b.Return) }
	slices.SortStableFunc(l.Missing, byReturn)
	slices.SortStableFunc(l.LocalMissing, byReturn)
	return l
}

func (l *Ledger) add(op *Op, times int) {
	if times > 1 {
		l.Repeated = append(l.Repeated, op)
	}
	switch op.Outcome {
	case OK:
		l.Acknowledged++
		if times == 0 {
			l.Missing = append(l.Missing, op)
		}
	case LocalOnly:
		l.LocalOnly++
		if times == 0 {
			l.LocalMissing = append(l.LocalMissing, op)
		}
	case Failed:
		if times > 0 {
			l.Resurrected = append(l.Resurrected, op)
		}
	case Unknown:
		l.Unknown++
		if times > 0 {
			l.Resolved++
		}
	}
}

// LossSpan is over how long operations, in the order of their acknowledgement, were acknowledged.
func LossSpan(missing []*Op) time.Duration {
	if len(missing) == 0 {
		return 0
	}
	return missing[len(missing)-1].Return - missing[0].Return
}
