package jepsen

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/check/sim"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

func sample() []history.Op {
	op := func(client int, from, to int, outcome history.Outcome, accesses ...history.Access) history.Op {
		return history.Op{Kind: history.Txn, Workload: "a", Client: client, Call: 1 + time.Duration(from), Return: 1 + time.Duration(to), Outcome: outcome, Txn: accesses}
	}
	return []history.Op{
		op(0, 0, 10, history.OK, history.Access{Write: true, Key: "x", Value: 1}),
		op(1, 10, 20, history.Unknown, history.Access{Write: true, Key: "x", Value: 2}, history.Access{Key: "y\"é\U0001F600"}),
		op(0, 10, 30, history.OK, history.Access{Key: "x", List: []int64{1, 2}}, history.Access{Key: "z"}),
		op(1, 40, 50, history.Failed, history.Access{Key: "x"}),
		op(2, 60, 70, history.LocalOnly, history.Access{Write: true, Key: "reg", Value: 7, Version: 1}, history.Access{Key: "reg2"}),
	}
}

func TestEDN(t *testing.T) {
	parts := Parts(sample())
	if len(parts) != 2 || parts[0].Model != ListAppend || parts[1].Model != RWRegister {
		t.Fatalf("%+v", parts)
	}
	want := []string{
		`{:index 0 :type :invoke :f :txn :process 0 :time 1 :value [[:append "x" 1]]}
{:index 1 :type :invoke :f :txn :process 1 :time 11 :value [[:append "x" 2] [:r "y\"\u00e9\ud83d\ude00" nil]]}
{:index 2 :type :ok :f :txn :process 0 :time 11 :value [[:append "x" 1]]}
{:index 3 :type :invoke :f :txn :process 0 :time 11 :value [[:r "x" nil] [:r "z" nil]]}
{:index 4 :type :info :f :txn :process 1 :time 21 :value [[:append "x" 2] [:r "y\"\u00e9\ud83d\ude00" nil]]}
{:index 5 :type :ok :f :txn :process 0 :time 31 :value [[:r "x" [1 2]] [:r "z" []]]}
{:index 6 :type :invoke :f :txn :process 2 :time 41 :value [[:r "x" nil]]}
{:index 7 :type :fail :f :txn :process 2 :time 51 :value [[:r "x" nil]]}
`,
		`{:index 0 :type :invoke :f :txn :process 2 :time 61 :value [[:w "reg" 7] [:r "reg2" nil]]}
{:index 1 :type :ok :f :txn :process 2 :time 71 :value [[:w "reg" 7] [:r "reg2" nil]]}
`,
	}
	for i, part := range parts {
		var out bytes.Buffer
		if err := part.Write(&out, false); err != nil {
			t.Fatal(err)
		}
		if out.String() != want[i] {
			t.Errorf("part %d:\n%s\nwant\n%s", i, out.String(), want[i])
		}
	}
}

// TestJSON holds what Jepsen demands of any history, over a large one: it parses, indexes rise, time does not go back, every
// process has one operation at a time and none after an info.
func TestJSON(t *testing.T) {
	made := sim.Make(sim.Config{Seed: 5, Mode: sim.Snapshot, Txns: 3000, Unknown: 0.05, Abort: 0.05})
	var out bytes.Buffer
	if err := Parts(made.Ops)[0].Write(&out, true); err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Index, Process int
		Time           int64
		Type, F        string
		Value          [][]any
	}
	if err := json.Unmarshal(out.Bytes(), &events); err != nil {
		t.Fatal(err)
	}
	if len(events) != 2*len(made.Ops) {
		t.Errorf("%d events of %d operations", len(events), len(made.Ops))
	}
	open, dead := map[int]int{}, map[int]bool{}
	for i, e := range events {
		if e.Index != i || i > 0 && e.Time < events[i-1].Time || dead[e.Process] || e.F != "txn" {
			t.Fatalf("event %d: %+v", i, e)
		}
		if e.Type == "invoke" {
			open[e.Process]++
		} else {
			open[e.Process]--
		}
		if open[e.Process] < 0 || open[e.Process] > 1 {
			t.Fatalf("event %d: process %d has %d operations", i, e.Process, open[e.Process])
		}
		dead[e.Process] = e.Type == "info"
		for _, access := range e.Value {
			if len(access) != 3 || !strings.Contains("r append", access[0].(string)) {
				t.Fatalf("event %d: %v", i, access)
			}
		}
	}
}
