package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// TwoPhase makes a history of prepared transactions, some of which nobody ends, and what a node holds at its end.
func TwoPhase(s Small) *history.Run {
	p := newPeople(s)
	end := ending{prepared: map[string]bool{}, rows: map[string]int{}}
	var open []string
	for i := range s.Ops {
		if len(open) > 0 && p.random.IntN(2) == 0 {
			p.decide(open[0], &end)
			open = open[1:]
			continue
		}
		op := p.begin("two-phase", history.Prepare)
		op.Token = fmt.Sprintf("p-%d", i)
		op.Txn = []history.Access{{Write: true, Key: op.Token + ".0", Value: 1}, {Write: true, Key: op.Token + ".1", Value: 1}}
		if p.fate(&op) {
			end.prepared[op.Token] = true
			if op.Outcome == history.OK && p.random.IntN(4) > 0 {
				open = append(open, op.Token)
			}
		}
		p.ops = append(p.ops, op)
		for who := range p.free {
			p.free[who] = max(p.free[who], op.Return+1) // whoever ends it knows of it
		}
	}
	p.spoilEnd(&end)
	return &history.Run{Ops: p.sorted(), Final: []history.NodeState{
		{Node: "pg1", Up: true, Timeline: 1, Decided: end.rows, Prepared: slices.Sorted(maps.Keys(end.prepared))}, {Node: "pg2", Up: true, InRecovery: true},
	}}
}

// ending is what the primary holds.
type ending struct {
	prepared map[string]bool
	rows     map[string]int
}

// decide commits or rolls back.
func (p *people) decide(gid string, end *ending) {
	kind := []history.Kind{history.CommitPrepared, history.CommitPrepared, history.RollbackPrepared}[p.random.IntN(3)]
	op := p.begin("two-phase", kind)
	op.Token = gid
	if p.fate(&op) {
		delete(end.prepared, gid)
		if kind == history.CommitPrepared {
			end.rows[gid] = 2
		}
	}
	p.ops = append(p.ops, op)
}

// spoilEnd breaks what became of one transaction.
func (p *people) spoilEnd(end *ending) {
	for i := 0; p.Bug && i < len(p.ops); i++ {
		op := &p.ops[i]
		if op.Outcome != history.OK {
			continue
		}
		switch {
		case p.Which == ByHalf && op.Kind == history.CommitPrepared:
			end.rows[op.Token] = 1
		case p.Which == Undone && op.Kind == history.CommitPrepared:
			delete(end.rows, op.Token)
			end.prepared[op.Token] = true
		case p.Which == Committed && op.Kind == history.RollbackPrepared:
			end.rows[op.Token] = 2
		case p.Which == Vanished && op.Kind == history.Prepare && end.prepared[op.Token] && !p.tried(op.Token):
			delete(end.prepared, op.Token)
		default:
			continue
		}
		p.Bug = false
	}
}

// tried says whether anybody tried to end a transaction.
func (p *people) tried(gid string) bool {
	for _, op := range p.ops {
		if op.Token == gid && op.Kind != history.Prepare {
			return true
		}
	}
	return false
}
