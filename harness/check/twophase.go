package check

import (
	"fmt"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// TwoPhase judges transactions that were prepared and then committed or rolled back, perhaps by another client after a failover:
// a decision that was acknowledged holds, what was only prepared is still there and undecided, and nothing is there by half.
// Prepared transactions that vanished, and decisions that a promotion took away, count against the budget for lost writes.
type TwoPhase struct{}

// Name is how reports call it.
func (TwoPhase) Name() string { return "two-phase" }

// Applies says whether the run prepared transactions.
func (TwoPhase) Applies(run *history.Run) bool { return hasKind(run, history.Prepare) }

// decision is all that was asked of one gid.
type decision struct {
	prepare          *history.Op
	commit, rollback []*history.Op
}

// certain says whether one of the attempts was acknowledged.
func certain(ops []*history.Op) bool {
	return slices.ContainsFunc(ops, func(op *history.Op) bool { return op.Outcome == history.OK || op.Outcome == history.LocalOnly })
}

// possible says whether one of the attempts may have worked.
func possible(ops []*history.Op) bool {
	return slices.ContainsFunc(ops, func(op *history.Op) bool { return op.Outcome != history.Failed })
}

// Check is a pure function of the run.
func (TwoPhase) Check(run *history.Run) history.Verdict {
	decisions, gids, bad := decisionsOf(run)
	if bad != nil {
		return *bad
	}
	node := decidedNode(run)
	if node == nil {
		return unknown("No writable node was read at the end for what became of %s.", count(len(gids), "prepared transaction"))
	}
	prepared := make(map[string]bool, len(node.Prepared))
	for _, gid := range node.Prepared {
		prepared[gid] = true
	}
	moved := movedSince(run, node)
	var wrong, lost []history.Witness
	for _, gid := range gids {
		what, vanished := decisions[gid].judge(node.Decided[gid], prepared[gid], moved)
		if what == "" {
			continue
		}
		op := decisions[gid].prepare
		found := history.Witness{At: op.Return, Node: op.Node, Token: gid, Detail: fmt.Sprintf("%q, prepared at %s: %s on %s", gid, at(op.Return), what, node.Node)}
		if vanished {
			lost = append(lost, found)
		} else {
			wrong = append(wrong, found)
		}
	}
	if run.Budget.Lost >= 0 && len(lost) > run.Budget.Lost {
		wrong = append(wrong, lost...)
	}
	switch {
	case len(wrong) > 0:
		return fail(wrong, "%s not kept: %s.", capital(count(len(wrong), "prepared transaction")+" "+wasWere(len(wrong))), wrong[0].Detail)
	case len(lost) > 0:
		return with(pass("%s lost within the budget, all others are as they were decided.", capital(count(len(lost), "prepared transaction")+" "+wasWere(len(lost)))), lost)
	}
	return pass("%s as decided.", capital(count(len(gids), "prepared transaction")+" "+areIs(len(gids))))
}

func decisionsOf(run *history.Run) (map[string]*decision, []string, *history.Verdict) {
	all := map[string]*decision{}
	var gids []string
	for i := range run.Ops {
		op := &run.Ops[i]
		d := all[op.Token]
		switch op.Kind {
		case history.Prepare:
			if d != nil || op.Token == "" {
				bad := malformed(i, op, fmt.Errorf("gid %q is prepared twice, or empty", op.Token))
				return nil, nil, &bad
			}
			all[op.Token] = &decision{prepare: op}
			gids = append(gids, op.Token)
		case history.CommitPrepared, history.RollbackPrepared:
			if d == nil {
				bad := malformed(i, op, fmt.Errorf("gid %q is decided and was not prepared before", op.Token))
				return nil, nil, &bad
			}
			if op.Kind == history.CommitPrepared {
				d.commit = append(d.commit, op)
			} else {
				d.rollback = append(d.rollback, op)
			}
		}
	}
	return all, gids, nil
}

// decidedNode is the writable node whose rows were counted; nil: none, or several.
func decidedNode(run *history.Run) *history.NodeState {
	var found *history.NodeState
	for i := range run.Final {
		if n := &run.Final[i]; n.Up && !n.InRecovery && n.Decided != nil {
			if found != nil {
				return nil
			}
			found = n
		}
	}
	return found
}

// movedSince says whether the role moved after an operation, so that what it did may have been lost: another node is primary in the
// end, or a promotion is on record.
func movedSince(run *history.Run, end *history.NodeState) func(*history.Op) bool {
	last := lastMove(run)
	return func(op *history.Op) bool { return op.Node != end.Node || op.Call < last }
}

// judge says what is wrong with one gid, of which so many rows were found, and whether that is a loss. moved tells of an operation
// whether the role moved after it.
func (d *decision) judge(rows int, stillPrepared bool, moved func(*history.Op) bool) (what string, lost bool) {
	want := len(d.prepare.Txn)
	prepared := d.prepare.Outcome == history.OK || d.prepare.Outcome == history.LocalOnly
	switch {
	case rows != 0 && rows != want:
		return fmt.Sprintf("%d of its %d rows are there", rows, want), false
	case rows > 0 && stillPrepared:
		return "it is committed and still prepared", false
	case d.prepare.Outcome == history.Failed && (rows > 0 || stillPrepared):
		return "its preparation failed, and it is there", false
	case certain(d.rollback) && rows > 0:
		return "it was rolled back, and its rows are there", false
	case certain(d.commit) && stillPrepared:
		return "it was committed, and is prepared again", slices.ContainsFunc(d.commit, moved)
	case certain(d.rollback) && stillPrepared:
		return "it was rolled back, and is prepared again", slices.ContainsFunc(d.rollback, moved)
	case rows > 0 && !possible(d.commit):
		return "nobody committed it, and its rows are there", false
	case certain(d.commit) && rows == 0:
		return "it was committed, and its rows are missing", true
	case prepared && rows == 0 && !stillPrepared && !possible(d.rollback):
		return "it was prepared and not decided, and it is gone", true
	}
	return "", false
}
