package sim

import "github.com/pgcrucible/pgcrucible/harness/history"

// Numbers makes a history of values that sequences hand out. Half way it jumps ahead, as a failover makes it; the bug is one value
// handed out again.
func Numbers(s Small) []history.Op {
	p := newPeople(s)
	next := map[string]int64{}
	for i := range s.Ops {
		op := p.begin("identities", history.Next)
		key := []string{"app.numbers", "app.identities"}[p.random.IntN(2)]
		if i == s.Ops/2 {
			next[key] += 32
		}
		happens := p.fate(&op)
		if again := p.plant(i) && happens && op.Outcome == history.OK && p.handedOut(key, next[key]); again {
			p.Bug = false
		} else {
			next[key]++
		}
		op.Txn = []history.Access{{Write: true, Key: key, Value: next[key]}}
		p.ops = append(p.ops, op)
	}
	return p.sorted()
}

// handedOut says whether somebody knows that the value is his.
func (p *people) handedOut(key string, value int64) bool {
	for _, op := range p.ops {
		if a := op.Txn[0]; a.Key == key && a.Value == value && op.Outcome == history.OK {
			return true
		}
	}
	return false
}
