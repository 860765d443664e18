package linear

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

const ms = time.Millisecond

func wrote(client int, from, to time.Duration, outcome history.Outcome, value int64) history.Op {
	return history.Op{Kind: history.Write, Client: client, Call: from * ms, Return: to * ms, Outcome: outcome, Txn: []history.Access{{Write: true, Key: "x", Value: value, Version: value}}}
}

func read(client int, from, to time.Duration, value int64) history.Op {
	return history.Op{Kind: history.Read, Client: client, Call: from * ms, Return: to * ms, Outcome: history.OK, Txn: []history.Access{{Key: "x", Value: value, Version: value}}}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name string
		ops  []history.Op
		bad  bool
		who  int // the operation that cannot be explained
	}{
		{"nothing written", []history.Op{read(1, 0, 1, 0)}, false, 0},
		{"one after the other", []history.Op{wrote(1, 0, 1, history.OK, 1), read(1, 2, 3, 1), wrote(2, 4, 5, history.OK, 2), read(1, 6, 7, 2)}, false, 0},
		{"stale", []history.Op{wrote(1, 0, 1, history.OK, 1), wrote(1, 2, 3, history.OK, 2), read(2, 4, 5, 1)}, true, 2},
		{"concurrent, either", []history.Op{wrote(1, 0, 10, history.OK, 1), read(2, 1, 2, 0), read(2, 3, 4, 1)}, false, 0},
		{"concurrent, back", []history.Op{wrote(1, 0, 10, history.OK, 1), read(2, 1, 2, 1), read(2, 3, 4, 0)}, true, 2},
		{"unknown and seen", []history.Op{wrote(1, 0, 1, history.Unknown, 1), read(2, 20, 21, 0), read(2, 30, 31, 1)}, false, 0},
		{"unknown, seen and gone", []history.Op{wrote(1, 0, 1, history.Unknown, 1), read(2, 20, 21, 1), read(2, 30, 31, 0)}, true, 2},
		{"unknown and never seen", []history.Op{wrote(1, 0, 1, history.Unknown, 1), read(2, 20, 21, 0), read(2, 30, 31, 0)}, false, 0},
		{"failed and seen", []history.Op{wrote(1, 0, 1, history.Failed, 1), read(2, 20, 21, 1)}, true, 1},
		{"local-only and lost", []history.Op{wrote(1, 0, 1, history.LocalOnly, 1), read(2, 20, 21, 0)}, true, 1},
		{"read from the future", []history.Op{read(2, 0, 1, 1), wrote(1, 2, 3, history.OK, 1)}, true, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Check(Registers(test.ops), time.Minute)
			if bad := len(got.Bad) > 0; bad != test.bad || got.TimedAt != "" {
				t.Fatalf("bad %v, want %v: %+v", bad, test.bad, got)
			}
			if test.bad && got.Bad[0].Ops[0] != test.who {
				t.Errorf("operation %d, want %d: %+v", got.Bad[0].Ops[0], test.who, got.Bad[0])
			}
		})
	}
}

func TestStandbyAndListsAreLeftOut(t *testing.T) {
	stale := read(2, 4, 5, 0)
	stale.Standby = true
	list := history.Op{Kind: history.Txn, Call: 1, Return: 2, Outcome: history.OK, Txn: []history.Access{{Key: "l", List: []int64{1}}}}
	got := Registers([]history.Op{wrote(1, 0, 1, history.OK, 1), stale, list})
	if len(got) != 1 || got[0].Key != "x" || len(got[0].ops) != 1 {
		t.Errorf("%+v", got)
	}
}

// random makes a history of one register that is linearizable, or that has one read changed.
func random(r *rand.Rand, n int, spoil bool) []history.Op {
	var ops []history.Op
	free := make([]time.Duration, 4)
	value, now := int64(0), time.Duration(0)
	for i := range n {
		client := r.IntN(len(free))
		now += time.Duration(1 + r.IntN(10))
		call := max(free[client], now-time.Duration(r.IntN(20)))
		point := max(call, now)
		end := point + time.Duration(r.IntN(20))
		now, free[client] = point, end+1
		op := history.Op{Kind: history.Read, Client: client, Call: call, Return: end, Outcome: history.OK}
		if r.IntN(2) == 0 {
			value = int64(i + 1)
			op.Kind = history.Write
			op.Txn = []history.Access{{Write: true, Key: "x", Value: value}}
			if r.IntN(5) == 0 {
				op.Outcome = history.Unknown
				op.Return = call + r64(r, end-call+1)
			}
		} else {
			op.Txn = []history.Access{{Key: "x", Value: value}}
		}
		ops = append(ops, op)
	}
	if spoil {
		for range 3 {
			if a := &ops[r.IntN(n)].Txn[0]; !a.Write {
				a.Value = int64(r.IntN(n))
			}
		}
	}
	return ops
}

func r64(r *rand.Rand, n time.Duration) time.Duration { return time.Duration(r.Int64N(int64(n))) }

// whole judges without pieces and without resolving: unknown writes may happen at any time, or never.
func whole(ops []history.Op) bool {
	var all []porcupine.Operation
	for i := range ops {
		a := ops[i].Txn[0]
		o := &operation{write: a.Write, value: a.Value}
		end := int64(ops[i].Return)
		if ops[i].Outcome == history.Unknown {
			end = 1 << 60 // happening after everything is the same as never
		}
		all = append(all, porcupine.Operation{Input: o, Call: int64(ops[i].Call), Return: end})
	}
	return porcupine.CheckOperations(model(0), all)
}

func TestAgainstWholeSearch(t *testing.T) {
	count := map[bool]int{}
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		ops := random(r, 4+r.IntN(16), seed%2 == 0)
		want := whole(ops)
		got := len(Check(Registers(ops), time.Minute).Bad) == 0
		count[want]++
		if got != want {
			t.Fatalf("seed %d: %v, want %v: %+v", seed, got, want, ops)
		}
	}
	if count[true] < 100 || count[false] < 100 {
		t.Errorf("one-sided: %v", count)
	}
}

// TestPieces: cutting a long history changes no verdict.
func TestPieces(t *testing.T) {
	cut := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		ops := random(r, 400, seed%2 == 0)
		registers := Registers(ops)
		cut += len(registers[0].pieces())
		uncut := porcupine.CheckOperations(model(0), operations(registers[0].ops))
		if got := len(Check(registers, time.Minute).Bad) == 0; got != uncut {
			t.Fatalf("seed %d: %v with pieces, %v without", seed, got, uncut)
		}
	}
	if cut < 120 {
		t.Errorf("only %d pieces", cut)
	}
}

func TestPicture(t *testing.T) {
	run := &history.Run{Ops: []history.Op{wrote(1, 0, 1, history.OK, 1), wrote(1, 2, 3, history.OK, 2), read(2, 4, 5, 1)}}
	run.Spans = []history.Span{
		{Name: history.SpanFault, Detail: "kill(pg1) <script>", Start: 1 * ms, End: 4 * ms},
		{Name: history.SpanPromote, Node: "pg2", Start: 2 * ms, End: 3 * ms},
		{Name: "later", Start: 100 * ms, End: 200 * ms},
	}
	var page bytes.Buffer
	if err := Picture(&page, Check(Registers(run.Ops), time.Minute).Bad[0], run); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{"kill(pg1)", history.SpanPromote, "write 2", "read 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	if strings.Contains(text, "kill(pg1) <script>") || strings.Contains(text, `"later"`) {
		t.Error("a span outside, or text that was not escaped")
	}
}

func BenchmarkRegisters1M(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 3))
	var ops []history.Op
	for key := range 200 {
		for _, op := range random(r, 5000, false) {
			op.Txn[0].Key = string(rune('a'+key%26)) + time.Duration(key).String()
			ops = append(ops, op)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if got := Check(Registers(ops), time.Minute); len(got.Bad) > 0 || got.TimedAt != "" {
			b.Fatalf("%+v", got)
		}
	}
	b.ReportMetric(float64(len(ops))*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}
