package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Bank judges transfers: every read of all balances adds up to what was deposited, no balance is negative, and what the last
// read on a primary shows is what the transfers made of the deposits.
type Bank struct{}

// Name is how reports call it.
func (Bank) Name() string { return "bank" }

// Applies says whether the run has a bank.
func (Bank) Applies(run *history.Run) bool {
	return hasKind(run, history.Deposit, history.Transfer, history.Balances)
}

// ledger is what is known of one bank.
type ledger struct {
	deposits map[string]int64 // account -> opening balance
	total    int64
	last     *history.Op // the read of all balances on a primary that was sent last
	wrong    []history.Witness
	negative int
	reads    int
	moved    int
}

// Check is a pure function of the run.
func (Bank) Check(run *history.Run) history.Verdict {
	banks := map[string]*ledger{}
	var names []string
	for i := range run.Ops {
		op := &run.Ops[i]
		if op.Kind != history.Deposit && op.Kind != history.Transfer && op.Kind != history.Balances {
			continue
		}
		bank := banks[op.Workload]
		if bank == nil {
			bank = &ledger{deposits: map[string]int64{}}
			banks[op.Workload] = bank
			names = append(names, op.Workload)
		}
		if err := bank.open(op); err != nil {
			return malformed(i, op, err)
		}
	}
	total := ledger{}
	for _, name := range names {
		bank := banks[name]
		for i := range run.Ops {
			if op := &run.Ops[i]; op.Workload == name && op.Kind == history.Balances && op.Outcome == history.OK {
				bank.read(op)
			}
		}
		bank.balance(run, name)
		total.wrong = append(total.wrong, bank.wrong...)
		total.reads, total.moved, total.negative = total.reads+bank.reads, total.moved+bank.moved, total.negative+bank.negative
	}
	return total.verdict()
}

// open takes in a deposit, and looks at the shape of the others.
func (b *ledger) open(op *history.Op) error {
	switch op.Kind {
	case history.Deposit:
		for _, a := range op.Txn {
			if _, twice := b.deposits[a.Key]; twice || a.Key == "" || !a.Write {
				return fmt.Errorf("account %q opened twice or not written", a.Key)
			}
			b.deposits[a.Key] = a.Value
			b.total += a.Value
		}
	case history.Transfer:
		sum := int64(0)
		for _, a := range op.Txn {
			if !a.Write {
				return fmt.Errorf("a transfer with a read of account %q", a.Key)
			}
			sum += a.Value
		}
		if sum != 0 {
			return fmt.Errorf("a transfer that adds up to %d", sum)
		}
		if op.Outcome == history.OK || op.Outcome == history.LocalOnly {
			b.moved++
		}
	}
	return nil
}

// read judges one read of all balances.
func (b *ledger) read(op *history.Op) {
	b.reads++
	sum := int64(0)
	seen := map[string]bool{}
	for _, a := range op.Txn {
		sum += a.Value
		seen[a.Key] = true
		if a.Value < 0 {
			b.negative++
			b.wrong = append(b.wrong, saw(op, fmt.Sprintf("account %q has %d", a.Key, a.Value)))
		}
		if _, known := b.deposits[a.Key]; !known {
			b.wrong = append(b.wrong, saw(op, fmt.Sprintf("account %q was never opened", a.Key)))
		}
	}
	switch {
	case len(seen) < len(b.deposits):
		b.wrong = append(b.wrong, saw(op, fmt.Sprintf("%d of %d accounts are missing", len(b.deposits)-len(seen), len(b.deposits))))
	case sum != b.total:
		b.wrong = append(b.wrong, saw(op, fmt.Sprintf("the balances add up to %d, %d were deposited", sum, b.total)))
	}
	if !op.Standby && (b.last == nil || op.Call > b.last.Call) {
		b.last = op
	}
}

// balance holds the last read against the deposits and the transfers, where no outcome leaves room and no loss is allowed: sums
// alone do not see a transfer that is lost as a whole.
func (b *ledger) balance(run *history.Run, name string) {
	if b.last == nil || run.Budget.Lost != 0 {
		return
	}
	want := map[string]int64{}
	for account, value := range b.deposits {
		want[account] = value
	}
	for i := range run.Ops {
		op := &run.Ops[i]
		if op.Workload != name || op.Kind != history.Transfer || op.Outcome == history.Failed {
			continue
		}
		if op.Outcome != history.OK || op.Return >= b.last.Call {
			return // it may or may not be in what was read
		}
		for _, a := range op.Txn {
			want[a.Key] += a.Value
		}
	}
	for _, a := range b.last.Txn {
		if a.Value != want[a.Key] {
			b.wrong = append(b.wrong, saw(b.last, fmt.Sprintf("account %q ends with %d, its transfers make %d", a.Key, a.Value, want[a.Key])))
		}
	}
}

func (b *ledger) verdict() history.Verdict {
	switch {
	case len(b.wrong) > 0:
		return fail(b.wrong, "Money was made or lost: %s.", b.wrong[0].Detail)
	case b.reads == 0:
		return unknown("Nobody read the balances: nothing is known of %s.", count(b.moved, "transfer"))
	case b.moved == 0:
		return unknown("No transfer was acknowledged: %s of balances prove nothing.", count(b.reads, "read"))
	}
	return pass("%s of all balances add up over %s, and none is negative.", count(b.reads, "read"), count(b.moved, "transfer"))
}

// saw is a witness of what an operation read.
func saw(op *history.Op, what string) history.Witness {
	return history.Witness{
		At: op.Return, Node: op.Node, Token: op.Token,
		Detail: fmt.Sprintf("%s at %s saw: %s", txn.Who(op), at(op.Return), what),
	}
}

// malformed is the verdict on a history that is not well-formed.
func malformed(index int, op *history.Op, err error) history.Verdict {
	return unknown("The history is not well-formed and was refused: %v.", &txn.Malformed{Op: index, Line: op.Line, Why: err.Error()})
}

func hasKind(run *history.Run, kinds ...history.Kind) bool {
	for i := range run.Ops {
		for _, kind := range kinds {
			if run.Ops[i].Kind == kind {
				return true
			}
		}
	}
	return false
}
