package check

import (
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// transaction is one of a client, acknowledged by pg1.
func transaction(client int, from, to time.Duration, isolation string, accesses ...history.Access) history.Op {
	return history.Op{
		Workload: "append", Client: client, Seq: int(from / time.Millisecond), Kind: history.Txn, Node: "pg1", Timeline: 1, LSN: 0x3000,
		Isolation: isolation, Call: from, Return: to, Outcome: history.OK, Txn: accesses,
	}
}

func appended(key string, value int64) history.Access {
	return history.Access{Write: true, Key: key, Value: value, SQL: "INSERT INTO lists"}
}

func listed(key string, values ...int64) history.Access {
	return history.Access{Key: key, List: values, SQL: "SELECT list"}
}

func writeSkew(isolation string) *history.Run {
	const ms = time.Millisecond
	return &history.Run{Ops: []history.Op{
		transaction(1, 0, 10*ms, isolation, listed("x"), appended("y", 1)),
		transaction(2, 0, 10*ms, isolation, listed("y"), appended("x", 2)),
		transaction(3, 20*ms, 30*ms, isolation, listed("y", 1), listed("x", 2)),
	}}
}

func TestSerializability(t *testing.T) {
	lost := writeSkew(history.RepeatableRead)
	lost.Ops = append(lost.Ops, transaction(3, 40*time.Millisecond, 50*time.Millisecond, history.RepeatableRead, listed("y")))
	forgiven := *lost
	forgiven.Budget.Lost = 1
	backwards := writeSkew(history.Serializable)
	backwards.Ops[1].Return, backwards.Ops[1].Line = -1, 17
	silent := writeSkew("")
	silent.Ops = silent.Ops[:1]
	tests := []struct {
		name string
		run  *history.Run
		want history.Status
		says []string
	}{
		{"write skew is allowed by repeatable read", writeSkew(history.RepeatableRead), history.Pass, []string{"G2-item (1)", "not serializable"}},
		{"and not by serializable", writeSkew(history.Serializable), history.Fail, []string{"G2-item (1)", "not serializable"}},
		{"visible, then lost", lost, history.Fail, []string{"visible-then-lost (1)", "client 3's operation 20"}},
		{"within the budget", &forgiven, history.Pass, []string{"visible-then-lost (1)"}},
		{"malformed", backwards, history.Undecided, []string{"refused", "line 17"}},
		{"empty graph", silent, history.Undecided, []string{"empty graph"}},
		{"nothing recorded", &history.Run{}, history.Undecided, []string{"nothing to judge"}},
		{"unknown level", writeSkew("chaos"), history.Undecided, []string{`"chaos"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Serializability{}.Check(test.run)
			if got.Status != test.want {
				t.Errorf("%s, want %s: %s", got.Status, test.want, got.Sentence)
			}
			for _, text := range test.says {
				if !strings.Contains(got.Sentence, text) {
					t.Errorf("does not say %q: %s", text, got.Sentence)
				}
			}
		})
	}
}

func TestSerializabilityWitness(t *testing.T) {
	got := Serializability{}.Check(writeSkew(history.Serializable))
	if len(got.Witness) != 3 {
		t.Fatalf("want the cycle and its two steps: %+v", got.Witness)
	}
	for _, text := range []string{"client 1's operation 0 on pg1 (timeline 1)", "LSN 0/3000", "SELECT list", "rw", `read key "x" as []`, "wrote 2"} {
		if !strings.Contains(got.Witness[1].Detail, text) {
			t.Errorf("does not say %q: %s", text, got.Witness[1].Detail)
		}
	}
}

// TestLossWitness: writer, reader and who saw it gone, each with node, time, LSN and SQL.
func TestLossWitness(t *testing.T) {
	const ms = time.Millisecond
	run := &history.Run{Ops: []history.Op{
		transaction(1, 0, 10*ms, "", appended("x", 1)), transaction(2, 20*ms, 30*ms, "", listed("x", 1)), transaction(3, 40*ms, 50*ms, "", listed("x")),
	}}
	got := Serializability{}.Check(run)
	if got.Status != history.Fail || len(got.Witness) != 4 {
		t.Fatalf("want the finding and three transactions: %+v", got)
	}
	for i, texts := range [][]string{
		{"visible-then-lost", "client 1's operation 0", "was read by client 2's operation 20", "missing from what client 3's operation 40"},
		{"1 of 3", "client 1's operation 0 on pg1 (timeline 1) from 0.000 s to 0.010 s", "LSN 0/3000", "(ok)", "write(x, 1) by INSERT INTO lists"},
		{"2 of 3", "client 2's operation 20", "read(x) -> [1] by SELECT list"},
		{"3 of 3", "client 3's operation 40", "read(x) -> [] by SELECT list"},
	} {
		for _, text := range texts {
			if !strings.Contains(got.Witness[i].Detail, text) {
				t.Errorf("witness %d does not say %q: %s", i, text, got.Witness[i].Detail)
			}
		}
	}
}

func TestTransactionalCheckersKeepOutOfOtherRuns(t *testing.T) {
	ledger := &history.Run{Ops: []history.Op{{Kind: history.Append, Token: "a"}}}
	for _, checker := range All() {
		if optional, ok := checker.(Optional); ok && optional.Applies(ledger) {
			t.Errorf("%s applies to a run of the ledger alone", checker.Name())
		}
	}
	if got := Judge(ledger, []Checker{Serializability{}}); len(got) != 0 {
		t.Errorf("a verdict on nothing: %+v", got)
	}
}
