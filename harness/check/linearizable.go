package check

import (
	"fmt"
	"io"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/check/linear"
	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// linearTime is how long the search may take before the verdict is unknown.
const linearTime = 2 * time.Minute

// Linearizable judges keyed registers: each must behave as one copy that is read and written at single moments. Where the budget
// allows writes to be lost, those that were lost are left out, with the reads that show them, and counted: they cannot be linearizable.
type Linearizable struct{}

// Name is how reports call it.
func (Linearizable) Name() string { return "linearizable" }

// Applies says whether the run has registers.
func (Linearizable) Applies(run *history.Run) bool { return linear.Applies(run.Ops) }

// Check is a pure function of the run, unless its time runs out.
func (Linearizable) Check(run *history.Run) history.Verdict { return linearizable(run, linearTime) }

func linearizable(run *history.Run, within time.Duration) history.Verdict {
	registers, left, err := linearRegisters(run)
	if err != nil {
		return unknown("The history is not well-formed and was refused: %v.", err)
	}
	result := linear.Check(registers, within)
	switch {
	case len(result.Bad) > 0:
		return notLinearizable(run, result)
	case result.TimedAt != "":
		return unknown("The search for an order ran out of time after %s, at key %q: nothing was found wrong so far.", took(within), result.TimedAt)
	case result.Ops == 0:
		return unknown("No operation on a register can be judged%s.", leftOut(left))
	}
	return pass("%s on %s fit one order each that agrees with real time%s.", count(result.Ops, "operation"), count(result.Keys, "key"), leftOut(left))
}

// LinearizablePicture writes porcupine's page, with faults and the procedure's steps, of the first key that is not linearizable, or
// else of one key around the first fault. It returns false, and writes nothing, if no register can be judged.
func LinearizablePicture(to io.Writer, run *history.Run) (bool, error) {
	registers, _, err := linearRegisters(run)
	if err != nil || len(registers) == 0 {
		return false, err
	}
	if result := linear.Check(registers, linearTime); len(result.Bad) > 0 {
		return true, result.Bad[0].Picture(to, run)
	}
	excerpt, found := linear.Around(registers, firstTrouble(run))
	if !found {
		return false, nil
	}
	return true, excerpt.Picture(to, run)
}

// firstTrouble is when the first fault came into effect, or the role first moved; 0: neither happened.
func firstTrouble(run *history.Run) time.Duration {
	if faults := run.Named(history.SpanFault); len(faults) > 0 {
		return faults[0].Start
	}
	if moved := firstMove(run); moved < time.Duration(1<<63-1) {
		return moved
	}
	return 0
}

// linearRegisters are those to judge, and how many writes are left out of them because they were lost and may be.
func linearRegisters(run *history.Run) ([]*linear.Register, int, error) {
	all := linear.Registers(run.Ops)
	report, err := txn.Analyze(run.Ops, txn.Options{RealTime: true, Losable: run.Budget.Lost})
	if err != nil || run.Budget.Lost == 0 {
		return all, 0, err
	}
	left := 0
	for _, r := range all {
		lost := report.Lost[txn.Key{Workload: r.Workload, Name: r.Key}]
		r.Without(lost)
		left += len(lost)
	}
	return all, left, nil
}

func leftOut(lost int) string {
	if lost == 0 {
		return ""
	}
	return fmt.Sprintf("; %s that %s lost within the budget and the reads that show them are left out", count(lost, "write"), wasWere(lost))
}

func notLinearizable(run *history.Run, result linear.Result) history.Verdict {
	var witness []history.Witness
	for _, v := range result.Bad {
		for i, index := range v.Ops {
			op := &run.Ops[index]
			what := "around it: "
			if i == 0 {
				what = fmt.Sprintf("key %q, cannot be explained: ", v.Register.Key)
			}
			witness = append(witness, history.Witness{
				At: op.Return, Node: op.Node, Token: op.Token,
				Detail: fmt.Sprintf("%s%s from %s to %s (%s): %s", what, txn.Who(op), at(op.Call), at(op.Return), op.Outcome, did(op, v.Register.Key)),
			})
		}
	}
	first := &run.Ops[result.Bad[0].Ops[0]]
	verdict := fail(witness, "%s of %d did not behave as one copy: no order of the operations on key %q explains %s, which returned at %s (%s).",
		count(len(result.Bad), "register"), result.Keys, result.Bad[0].Register.Key, txn.Who(first), at(first.Return), did(first, result.Bad[0].Register.Key))
	verdict.Total = len(result.Bad)
	return verdict
}

// did says what an operation did to one key.
func did(op *history.Op, key string) string {
	text := ""
	for _, a := range op.Txn {
		if a.Key != key {
			continue
		}
		verb := "read"
		if a.Write {
			verb = "wrote"
		}
		text += fmt.Sprintf(", %s %d", verb, a.Value)
		if a.Version != 0 {
			text += fmt.Sprintf(" as version %d", a.Version)
		}
	}
	if text == "" {
		return "nothing"
	}
	return text[2:]
}
