package check

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// step is an operation of one client, numbered by when it was sent; each takes 10 ms.
func step(kind history.Kind, client, from int, outcome history.Outcome, accesses ...history.Access) history.Op {
	call := time.Duration(from) * time.Millisecond
	return history.Op{
		Kind: kind, Client: client, Seq: from, Node: "pg1", Timeline: 1, Call: call, Return: call + 10*time.Millisecond, Outcome: outcome, Txn: accesses,
	}
}

func put(key string, value int64) history.Access {
	return history.Access{Write: true, Key: key, Value: value}
}

func got(key string, value int64) history.Access { return history.Access{Key: key, Value: value} }

func putVersion(key string, value, version int64) history.Access {
	return history.Access{Write: true, Key: key, Value: value, Version: version}
}

func gotVersion(value, version int64) history.Access {
	return history.Access{Key: "x", Value: value, Version: version}
}

func onStandby(op history.Op) history.Op {
	op.Standby, op.Node = true, "pg2"
	return op
}

func promoted(op history.Op) history.Op {
	op.Timeline, op.Node = 2, "pg2"
	return op
}

func prepareOf(gid string, outcome history.Outcome) history.Op {
	op := step(history.Prepare, 1, 0, outcome, put("a", 1), put("b", 1))
	op.Token = gid
	return op
}

func decide(kind history.Kind, outcome history.Outcome) history.Op {
	op := step(kind, 1, 20, outcome)
	op.Token = "g"
	return op
}

// ending is what one writable node shows of prepared transactions.
func ending(prepared []string, decided map[string]int) func(*history.Run) {
	return func(run *history.Run) {
		run.Final = []history.NodeState{{Node: "pg1", Up: true, Prepared: prepared, Decided: decided}, {Node: "pg2", Up: true, InRecovery: true}}
	}
}

func losable(n int) func(*history.Run) { return func(run *history.Run) { run.Budget.Lost = n } }

func remoteApply(run *history.Run) { run.Commit = "remote_apply" }

func movedAt(from int) func(*history.Run) {
	return func(run *history.Run) {
		run.Spans = append(run.Spans, history.Span{Name: history.SpanFailover, Start: time.Duration(from) * time.Millisecond, End: time.Duration(from+2) * time.Millisecond})
	}
}

func TestTransactionalCheckers(t *testing.T) {
	const ok, failed, doubt, local = history.OK, history.Failed, history.Unknown, history.LocalOnly
	type ops = []history.Op
	type with = []func(*history.Run)
	deposits := step(history.Deposit, 0, 0, ok, put("a", 100), put("b", 100))
	transfer := func(from int, outcome history.Outcome) history.Op {
		return step(history.Transfer, 1, from, outcome, put("a", -30), put("b", 30))
	}
	balances := func(from int, a, b int64) history.Op {
		return step(history.Balances, 2, from, ok, got("a", a), got("b", b))
	}
	next := func(client, from int, outcome history.Outcome, value int64) history.Op {
		return step(history.Next, client, from, outcome, put("s", value))
	}
	one := step(history.Write, 1, 0, ok, putVersion("x", 1, 1))
	two := step(history.Write, 1, 20, ok, putVersion("x", 2, 2))
	tests := []struct {
		name    string
		checker Optional
		ops     ops
		with    with
		want    history.Status
		says    string
	}{
		{"bank adds up", Bank{}, ops{deposits, transfer(20, ok), balances(40, 70, 130)}, nil, history.Pass, "add up"},
		{"bank, before or after", Bank{}, ops{deposits, transfer(20, ok), balances(25, 100, 100), balances(40, 70, 130)}, nil, history.Pass, "2 reads"},
		{"bank, half a transfer", Bank{}, ops{deposits, transfer(20, ok), balances(40, 70, 100)}, nil, history.Fail, "add up to 170, 200 were deposited"},
		{"bank, negative", Bank{}, ops{deposits, transfer(20, ok), balances(40, -10, 210)}, nil, history.Fail, `account "a" has -10`},
		{"bank, an account is missing", Bank{}, ops{deposits, transfer(20, ok), step(history.Balances, 2, 40, ok, got("a", 200))}, nil, history.Fail, "1 of 2 accounts are missing"},
		{"bank, an account nobody opened", Bank{}, ops{deposits, transfer(20, ok), step(history.Balances, 2, 40, ok, got("a", 70), got("b", 130), got("c", 0))}, nil, history.Fail, "never opened"},
		{"bank, a whole transfer is lost", Bank{}, ops{deposits, transfer(20, ok), balances(40, 100, 100)}, nil, history.Fail, "ends with 100, its transfers make 70"},
		{"bank, it may be lost", Bank{}, ops{deposits, transfer(20, ok), balances(40, 100, 100)}, with{losable(1)}, history.Pass, "add up"},
		{"bank, an unknown one leaves room", Bank{}, ops{deposits, transfer(20, ok), transfer(32, doubt), balances(60, 40, 160)}, nil, history.Pass, "add up"},
		{"bank, a failed one must not count", Bank{}, ops{deposits, transfer(20, ok), transfer(32, failed), balances(60, 40, 160)}, nil, history.Fail, "ends with 40"},
		{"bank, nobody read", Bank{}, ops{deposits, transfer(20, ok)}, nil, history.Undecided, "Nobody read"},
		{"bank, nothing moved", Bank{}, ops{deposits, balances(40, 100, 100)}, nil, history.Undecided, "No transfer"},
		{"bank, crooked transfer", Bank{}, ops{deposits, step(history.Transfer, 1, 20, ok, put("a", -30), put("b", 20))}, nil, history.Undecided, "refused: operation 1: a transfer that adds up to -10"},
		{"bank, opened twice", Bank{}, ops{deposits, deposits}, nil, history.Undecided, "refused"},

		{"sequence", Sequences{}, ops{next(1, 0, ok, 1), next(2, 0, ok, 2), next(1, 20, ok, 34)}, nil, history.Pass, "3 values"},
		{"sequence, given twice", Sequences{}, ops{next(1, 0, ok, 1), next(2, 20, ok, 1)}, nil, history.Fail, "client 1's operation 0"},
		{"sequence, local-only counts", Sequences{}, ops{next(1, 0, local, 1), next(2, 20, ok, 1)}, nil, history.Fail, "twice"},
		{"sequence, unknown and failed do not", Sequences{}, ops{next(1, 0, doubt, 1), next(3, 0, failed, 1), next(2, 20, ok, 1)}, nil, history.Pass, "1 value"},
		{"sequence, given again after a promotion", Sequences{}, ops{next(1, 0, ok, 1), promoted(next(2, 20, ok, 1))}, nil, history.Fail, "twice"},
		{"sequence, it may be lost", Sequences{}, ops{next(1, 0, ok, 1), promoted(next(2, 20, ok, 1))}, with{losable(1)}, history.Pass, "but for 1 that a promotion lost"},
		{"sequence, more than may be lost", Sequences{}, ops{next(1, 0, ok, 1), next(1, 12, ok, 2), promoted(next(2, 30, ok, 1)), promoted(next(2, 50, ok, 2))}, with{losable(1)}, history.Fail, "2 values were"},
		{"sequence, twice on one timeline is no loss", Sequences{}, ops{next(1, 0, ok, 1), next(2, 20, ok, 1)}, with{losable(9)}, history.Fail, "twice"},
		{"sequence, nothing", Sequences{}, ops{next(1, 0, doubt, 1)}, nil, history.Undecided, "No value"},
		{"sequence, nameless", Sequences{}, ops{step(history.Next, 1, 0, ok, put("", 1))}, nil, history.Undecided, "refused"},

		{"standby, current", StandbyReads{}, ops{one, onStandby(step(history.Read, 2, 20, ok, gotVersion(1, 1)))}, nil, history.Pass, "none missed"},
		{"standby, behind", StandbyReads{}, ops{one, two, onStandby(step(history.Read, 2, 40, ok, gotVersion(1, 1)))}, nil, history.Pass, "by 10 ms in the median"},
		{"standby, behind under remote_apply", StandbyReads{}, ops{one, two, onStandby(step(history.Read, 2, 40, ok, gotVersion(1, 1)))}, with{remoteApply}, history.Fail, "under remote_apply"},
		{"standby, behind after the failover", StandbyReads{}, ops{one, two, onStandby(step(history.Read, 2, 40, ok, gotVersion(1, 1)))}, with{remoteApply, movedAt(35)}, history.Pass, "1 read missed"},
		{"standby, concurrent under remote_apply", StandbyReads{}, ops{one, two, onStandby(step(history.Read, 2, 25, ok, gotVersion(1, 1)))}, with{remoteApply}, history.Pass, "none missed"},
		{"standby, local-only is not promised", StandbyReads{}, ops{one, step(history.Write, 1, 20, local, putVersion("x", 2, 2)), onStandby(step(history.Read, 2, 40, ok, gotVersion(1, 1)))}, with{remoteApply}, history.Pass, "none missed"},
		{"standby, goes back", StandbyReads{}, ops{one, two, onStandby(step(history.Read, 2, 40, ok, gotVersion(2, 2))), onStandby(step(history.Read, 2, 60, ok, gotVersion(1, 1)))}, nil, history.Fail, "state 1 of key \"x\" after state 2"},
		{"standby, of what failed", StandbyReads{}, ops{one, step(history.Write, 1, 20, failed, put("x", 2)), onStandby(step(history.Read, 2, 40, ok, gotVersion(2, 2)))}, nil, history.Fail, "that failed"},
		{"standby, of what nobody wrote", StandbyReads{}, ops{one, onStandby(step(history.Read, 2, 40, ok, gotVersion(9, 2)))}, nil, history.Fail, "nobody wrote"},
		{"standby, of an unknown one", StandbyReads{}, ops{one, step(history.Write, 1, 20, doubt, put("x", 2)), onStandby(step(history.Read, 2, 40, ok, gotVersion(2, 2)))}, nil, history.Pass, "went back"},
		{"standby, list goes back", StandbyReads{}, ops{step(history.Txn, 1, 0, ok, put("l", 1)), onStandby(step(history.Txn, 2, 40, ok, history.Access{Key: "l", List: []int64{1}})), onStandby(step(history.Txn, 2, 60, ok, history.Access{Key: "l"}))}, nil, history.Fail, "state 0"},

		{"linearizable", Linearizable{}, ops{one, two, step(history.Read, 2, 40, ok, gotVersion(2, 2))}, nil, history.Pass, "3 operations on 1 key"},
		{"not linearizable", Linearizable{}, ops{one, two, step(history.Read, 2, 40, ok, gotVersion(1, 1))}, nil, history.Fail, "explains client 2's operation 40"},
		{"a lost write within the budget", Linearizable{}, ops{one, two, step(history.Read, 2, 40, ok, gotVersion(1, 1)), step(history.Write, 3, 40, ok, putVersion("y", 7, 1))}, with{losable(1)}, history.Pass, "1 write that was lost within the budget"},
		{"linearizable, malformed", Linearizable{}, ops{one, one}, nil, history.Undecided, "refused"},

		{"two-phase, committed", TwoPhase{}, ops{prepareOf("g", ok), decide(history.CommitPrepared, ok)}, with{ending(nil, map[string]int{"g": 2})}, history.Pass, "as decided"},
		{"two-phase, rolled back", TwoPhase{}, ops{prepareOf("g", ok), decide(history.RollbackPrepared, ok)}, with{ending(nil, map[string]int{"g": 0})}, history.Pass, "as decided"},
		{"two-phase, still prepared", TwoPhase{}, ops{prepareOf("g", ok)}, with{ending([]string{"g"}, map[string]int{})}, history.Pass, "as decided"},
		{"two-phase, prepared and gone", TwoPhase{}, ops{prepareOf("g", ok)}, with{ending(nil, map[string]int{})}, history.Fail, "it is gone"},
		{"two-phase, gone within the budget", TwoPhase{}, ops{prepareOf("g", ok)}, with{ending(nil, map[string]int{}), losable(1)}, history.Pass, "within the budget"},
		{"two-phase, unknown and gone", TwoPhase{}, ops{prepareOf("g", doubt)}, with{ending(nil, map[string]int{})}, history.Pass, "as decided"},
		{"two-phase, committed and lost", TwoPhase{}, ops{prepareOf("g", ok), decide(history.CommitPrepared, ok)}, with{ending(nil, map[string]int{})}, history.Fail, "rows are missing"},
		{"two-phase, by half", TwoPhase{}, ops{prepareOf("g", ok), decide(history.CommitPrepared, ok)}, with{ending(nil, map[string]int{"g": 1}), losable(9)}, history.Fail, "1 of its 2 rows"},
		{"two-phase, committed and prepared again", TwoPhase{}, ops{prepareOf("g", ok), decide(history.CommitPrepared, ok)}, with{ending([]string{"g"}, map[string]int{}), losable(9)}, history.Fail, "prepared again"},
		{"two-phase, the decision is lost with a failover", TwoPhase{}, ops{prepareOf("g", ok), decide(history.CommitPrepared, ok)}, with{ending([]string{"g"}, map[string]int{}), losable(1), movedAt(60)}, history.Pass, "within the budget"},
		{"two-phase, the decision may not be lost", TwoPhase{}, ops{prepareOf("g", ok), decide(history.RollbackPrepared, ok)}, with{ending([]string{"g"}, map[string]int{}), movedAt(60)}, history.Fail, "prepared again"},
		{"two-phase, undone after the failover", TwoPhase{}, ops{prepareOf("g", ok), decide(history.RollbackPrepared, ok)}, with{ending([]string{"g"}, map[string]int{}), losable(9), movedAt(15)}, history.Fail, "prepared again"},
		{"two-phase, rolled back and there", TwoPhase{}, ops{prepareOf("g", ok), decide(history.RollbackPrepared, ok)}, with{ending(nil, map[string]int{"g": 2})}, history.Fail, "rolled back, and its rows are there"},
		{"two-phase, there though nobody committed", TwoPhase{}, ops{prepareOf("g", ok)}, with{ending(nil, map[string]int{"g": 2})}, history.Fail, "nobody committed"},
		{"two-phase, failed and there", TwoPhase{}, ops{prepareOf("g", failed)}, with{ending([]string{"g"}, map[string]int{})}, history.Fail, "preparation failed"},
		{"two-phase, commit in doubt", TwoPhase{}, ops{prepareOf("g", ok), decide(history.CommitPrepared, doubt)}, with{ending([]string{"g"}, map[string]int{})}, history.Pass, "as decided"},
		{"two-phase, nobody looked", TwoPhase{}, ops{prepareOf("g", ok)}, nil, history.Undecided, "No writable node"},
		{"two-phase, decided before", TwoPhase{}, ops{prepareOf("h", ok), decide(history.CommitPrepared, ok)}, nil, history.Undecided, "refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := &history.Run{Ops: test.ops}
			for _, change := range test.with {
				change(run)
			}
			if !test.checker.Applies(run) {
				t.Fatal("does not apply")
			}
			got := test.checker.Check(run)
			if got.Status != test.want || !strings.Contains(got.Sentence, test.says) {
				t.Errorf("%s, want %s saying %q: %s", got.Status, test.want, test.says, got.Sentence)
			}
			if got.Status == history.Fail && len(got.Witness) == 0 {
				t.Error("a finding without a witness")
			}
		})
	}
}

func TestLinearizableOutOfTime(t *testing.T) {
	run := &history.Run{Ops: []history.Op{step(history.Write, 1, 0, history.OK, putVersion("x", 1, 1))}}
	if got := linearizable(run, 0); got.Status != history.Undecided || !strings.Contains(got.Sentence, `ran out of time after 0`) || !strings.Contains(got.Sentence, `key "x"`) {
		t.Errorf("%s: %s", got.Status, got.Sentence)
	}
}

func TestLinearizablePicture(t *testing.T) {
	run := &history.Run{Ops: []history.Op{
		step(history.Write, 1, 0, history.OK, putVersion("x", 1, 1)), step(history.Read, 2, 40, history.OK, gotVersion(0, 0)),
	}}
	var page bytes.Buffer
	if drawn, err := LinearizablePicture(&page, run); err != nil || !drawn || !strings.Contains(page.String(), "write 1") {
		t.Errorf("drawn %v, %v, %d bytes", drawn, err, page.Len())
	}
	run.Ops = run.Ops[:1]
	page.Reset()
	if drawn, err := LinearizablePicture(&page, run); err != nil || !drawn || !strings.Contains(page.String(), "write 1") {
		t.Errorf("nothing wrong: drawn %v, %v, %d bytes", drawn, err, page.Len())
	}
	run.Ops = nil
	page.Reset()
	if drawn, err := LinearizablePicture(&page, run); err != nil || drawn || page.Len() > 0 {
		t.Errorf("nothing at all: drawn %v, %v, %d bytes", drawn, err, page.Len())
	}
}
