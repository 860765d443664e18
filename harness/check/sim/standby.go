package sim

import (
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Standby makes a history of registers that are written on a primary and read on a standby. With lag the standby is behind, never
// going back; without, it has every write before it is acknowledged, as under remote_apply.
func Standby(s Small, lag time.Duration) []history.Op {
	p := newPeople(s)
	states := map[string][]state{}
	shown := map[string]int{} // states that any connection may have seen
	value := int64(0)
	for i := range s.Ops {
		key := fmt.Sprintf("r%d", p.random.IntN(4))
		if p.random.IntN(2) > 0 {
			value++
			op := p.begin("register", history.Write)
			op.Txn = []history.Access{{Write: true, Key: key, Value: value}}
			if p.fate(&op) {
				version := int64(len(states[key]) + 1)
				states[key] = append(states[key], state{value, version, p.now})
				if op.Outcome == history.OK {
					op.Txn[0].Version = version
				}
			}
			p.ops = append(p.ops, op)
			continue
		}
		op := p.begin("register", history.Read)
		op.Standby, op.Node, op.Timeline = true, "pg2", 0
		n := len(states[key])
		for n > 0 && states[key][n-1].at > p.now-lag {
			n--
		}
		n = max(n, shown[key])
		a := history.Access{Key: key}
		if n > 0 {
			a.Value, a.Version = states[key][n-1].value, states[key][n-1].version
		}
		if p.plant(i) && p.spoilRead(&op, &a, states[key]) {
			p.Bug = false
		} else {
			shown[key] = n
		}
		op.Txn = []history.Access{a}
		p.ops = append(p.ops, op)
	}
	return p.sorted()
}

// state is what a register held from a moment on.
type state struct {
	value, version int64
	at             time.Duration
}

// spoilRead returns whether this read could be spoiled.
func (p *people) spoilRead(op *history.Op, a *history.Access, states []state) bool {
	for i := len(p.ops) - 1; i >= 0; i-- {
		before := &p.ops[i]
		b := before.Txn[0]
		if b.Key != a.Key || before.Return >= op.Call {
			continue
		}
		switch {
		case p.Which == WentBack && before.Standby && before.Client == op.Client && b.Version > 1,
			p.Which == Behind && b.Write && before.Outcome == history.OK && b.Version > 1:
			older := states[b.Version-2]
			a.Value, a.Version = older.value, older.version
			return true
		case p.Which == OfAFailed && b.Write && before.Outcome == history.Failed:
			a.Value = b.Value
			return true
		}
	}
	return false
}
