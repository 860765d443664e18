package sim

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Bank makes a history of transfers between eight accounts, and reads of all balances.
func Bank(s Small) []history.Op {
	p := newPeople(s)
	balance := make([]int64, 8)
	op := p.begin("bank", history.Deposit)
	for i := range balance {
		balance[i] = 100
		op.Txn = append(op.Txn, history.Access{Write: true, Key: account(i), Value: 100})
	}
	p.ops, p.now = append(p.ops, op), op.Return+1
	for i := range p.free {
		p.free[i] = p.now
	}
	for i := range s.Ops {
		if p.random.IntN(2) == 0 || i == s.Ops-1 {
			p.balances(balance)
		} else {
			p.transfer(balance, p.plant(i))
		}
	}
	p.now = p.free[0]
	for _, at := range p.free {
		p.now = max(p.now, at) // the last read comes after everything
	}
	for i := range p.free {
		p.free[i] = p.now
	}
	p.balances(balance)
	return p.sorted()
}

func account(i int) string { return fmt.Sprintf("a%d", i) }

func (p *people) balances(balance []int64) {
	op := p.begin("bank", history.Balances)
	for i, value := range balance {
		op.Txn = append(op.Txn, history.Access{Key: account(i), Value: value})
	}
	p.ops = append(p.ops, op)
}

func (p *people) transfer(balance []int64, bug bool) {
	op := p.begin("bank", history.Transfer)
	from, to := p.random.IntN(len(balance)), p.random.IntN(len(balance)-1)
	if to >= from {
		to++
	}
	amount := 1 + p.random.Int64N(40)
	op.Txn = []history.Access{{Write: true, Key: account(from), Value: -amount}, {Write: true, Key: account(to), Value: amount}}
	happens := p.fate(&op)
	bug = bug && op.Outcome == history.OK
	overdraw := bug && p.Which == Overdrawn
	if balance[from] < amount && !overdraw {
		op.Outcome, happens = history.Failed, false
	}
	if happens {
		balance[from] -= amount
		balance[to] += amount
	}
	if bug && happens && p.spoilTransfer(balance, from, to, amount) {
		p.Bug = false
		defer p.balances(balance) // somebody sees it
	}
	p.ops = append(p.ops, op)
}

// spoilTransfer returns whether this transfer could be spoiled.
func (p *people) spoilTransfer(balance []int64, from, to int, amount int64) bool {
	switch p.Which {
	case HalfTransfer:
		balance[to] -= amount
	case LostTransfer:
		balance[from], balance[to] = balance[from]+amount, balance[to]-amount
	case Overdrawn:
		if balance[from] >= 0 {
			return false
		}
	}
	return true
}
