package check

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Serializability judges transactions on lists and registers by the isolation level that each ran at: what its level allows is
// told but no error. A read on a primary must also see what was acknowledged before it was sent, which PostgreSQL promises at
// every level. Lost writes count against the budget of the run.
type Serializability struct{}

// Name is how reports call it.
func (Serializability) Name() string { return "serializability" }

// Applies says whether the run has such transactions.
func (Serializability) Applies(run *history.Run) bool {
	for i := range run.Ops {
		if txn.Selected(&run.Ops[i]) {
			return true
		}
	}
	return false
}

// Check is a pure function of the run.
func (Serializability) Check(run *history.Run) history.Verdict {
	report, err := txn.Analyze(run.Ops, txn.Options{RealTime: true, Losable: run.Budget.Lost})
	var malformed *txn.Malformed
	switch {
	case errors.As(err, &malformed):
		return unknown("The history is not well-formed and was refused: %v.", malformed)
	case err != nil:
		return unknown("The transactions could not be judged: %v.", err)
	case report.Errors() > 0:
		verdict := with(forbidden(report), transactionWitness(run, report))
		verdict.Total = report.Errors()
		return verdict
	case report.Committed == 0:
		return unknown("None of %s was acknowledged: there is nothing to judge.", count(report.Txns, "transaction"))
	case report.Edges == 0:
		return unknown("No read of %s depends on any write: an empty graph proves nothing.", count(report.Txns, "transaction"))
	}
	verdict := pass("%s of %s with %s show nothing that %s forbids%s.", number(report.Committed+report.Resolved),
		count(report.Txns, "transaction"), numbered(report.Edges, "dependency", "dependencies"), promised(report), allowed(report))
	verdict.Witness = transactionWitness(run, report)
	verdict.Total = len(verdict.Witness)
	return verdict
}

// promised names the levels that the transactions ran at.
func promised(report *txn.Report) string {
	if report.Weakest == report.Strongest {
		return report.Weakest.String()
	}
	return report.Weakest.String() + " to " + report.Strongest.String()
}

func forbidden(report *txn.Report) history.Verdict {
	var found []string
	for _, g := range report.Groups {
		if g.Errors > 0 {
			found = append(found, fmt.Sprintf("%s (%s)", g.Anomaly, number(g.Errors)))
		}
	}
	_, ruledOut := report.Held()
	return history.Verdict{Status: history.Fail, Sentence: fmt.Sprintf("Transactions that ran at %s show %s, so the database was %s: %s.",
		promised(report), strings.Join(found, ", "), strings.Join(ruledOut, ", "), firstWhy(report))}
}

func firstWhy(report *txn.Report) string {
	for _, g := range report.Groups {
		if len(g.Examples) > 0 {
			return g.Examples[0].Why
		}
	}
	return "no example was kept"
}

// allowed tells what was seen that the level does not forbid.
func allowed(report *txn.Report) string {
	if len(report.Groups) == 0 {
		return ""
	}
	var found []string
	for _, g := range report.Groups {
		found = append(found, fmt.Sprintf("%s (%s)", g.Anomaly, number(g.Total)))
	}
	_, ruledOut := report.Held()
	return fmt.Sprintf("; seen and allowed: %s, so it was %s", strings.Join(found, ", "), strings.Join(ruledOut, ", "))
}

// transactionWitness shows one example of each name before a second of any.
func transactionWitness(run *history.Run, report *txn.Report) []history.Witness {
	var out []history.Witness
	for round := range txn.Examples {
		for i := range report.Groups {
			if g := &report.Groups[i]; round < len(g.Examples) && len(out) < mostWitnesses {
				out = append(out, cycleWitness(run, &g.Examples[round])...)
			}
		}
	}
	return out
}

// cycleWitness is a finding and each step of its cycle: who, when, on which node, at which LSN, what it sent, and why it must come
// before the next. Of a finding without a cycle it is everybody who takes part.
func cycleWitness(run *history.Run, f *txn.Finding) []history.Witness {
	first := &run.Ops[f.Ops[0]]
	out := []history.Witness{{At: f.At, Node: first.Node, Detail: fmt.Sprintf("%s: %s", f.Anomaly, f.Why)}}
	if len(f.Steps) == 0 {
		for i, index := range f.Ops {
			op := &run.Ops[index]
			text := fmt.Sprintf("%s, %d of %d: %s (%s): %s", f.Anomaly, i+1, len(f.Ops), whenAndWhere(op), op.Outcome, txn.Did(op))
			out = append(out, history.Witness{At: op.Return, Node: op.Node, Token: op.Token, Detail: text})
		}
	}
	for i, step := range f.Steps {
		op := &run.Ops[step.From]
		text := fmt.Sprintf("%s, step %d of %d: %s", f.Anomaly, i+1, len(f.Steps), whenAndWhere(op))
		if step.SQL != "" {
			text += fmt.Sprintf(", sent %s", step.SQL)
		}
		out = append(out, history.Witness{
			At: op.Return, Node: op.Node, Token: op.Token,
			Detail: fmt.Sprintf("%s; %s: %s", text, step.Kind, step.Reason),
		})
	}
	if f.Omitted > 0 {
		out[0].Detail += fmt.Sprintf(" (%s more are not shown)", number(f.Omitted))
	}
	return out
}

// whenAndWhere names an operation, from when until when it ran, and its place in the WAL.
func whenAndWhere(op *history.Op) string {
	text := fmt.Sprintf("%s from %s to %s", txn.Who(op), at(op.Call), at(op.Return))
	if op.LSN != 0 {
		text += fmt.Sprintf(", LSN %s", op.LSN)
	}
	return text
}

// numbered is count for a noun whose plural is irregular.
func numbered(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}
