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

// randomHistory makes a history of one register that is linearizable, or that has one read changed.
func randomHistory(r *rand.Rand, n int, spoil bool) []history.Op {
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
	var p piece
	for i := range ops {
		a := ops[i].Txn[0]
		o := operation{write: a.Write, value: a.Value, call: ops[i].Call, end: ops[i].Return}
		if ops[i].Outcome == history.Unknown {
			o.end = 1 << 60 // happening after everything is the same as never
		}
		p.ops = append(p.ops, o)
	}
	return p.search(time.Minute) == porcupine.Ok
}

func TestAgainstWholeSearch(t *testing.T) {
	count := map[bool]int{}
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		ops := randomHistory(r, 4+r.IntN(16), seed%2 == 0)
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

// TestPieces: cutting a long history at quiet moments changes no verdict.
func TestPieces(t *testing.T) {
	cut := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		ops := randomHistory(r, 400, seed%2 == 0)
		registers := Registers(ops)
		cut += len(registers[0].pieces())
		uncut := piece{ops: registers[0].ops}
		want := uncut.search(time.Minute) == porcupine.Ok
		if got := len(Check(registers, time.Minute).Bad) == 0; got != want {
			t.Fatalf("seed %d: %v with pieces, %v without", seed, got, want)
		}
	}
	if cut < 120 {
		t.Errorf("only %d pieces", cut)
	}
}

// versioned gives every operation the version that the order of the writes gives its value; unknown writes are not told theirs.
func versioned(ops []history.Op) []history.Op {
	versions := map[int64]int64{}
	for i := range ops {
		if a := &ops[i].Txn[0]; a.Write {
			versions[a.Value] = int64(len(versions) + 1)
			if ops[i].Outcome == history.OK {
				a.Version = versions[a.Value]
			}
		}
	}
	for i := range ops {
		if a := &ops[i].Txn[0]; !a.Write {
			a.Version = versions[a.Value]
		}
	}
	return ops
}

// TestVersions: the order that versions tell gives the verdict of the search over the whole history, and small pieces however busy
// the key is; what is found is found again in its small piece.
func TestVersions(t *testing.T) {
	count := map[bool]int{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 4))
		ops := versioned(randomHistory(r, 10+r.IntN(190), seed%2 == 0))
		registers := Registers(ops)
		if _, ok := registers[0].byVersion(); !ok {
			continue
		}
		uncut := piece{ops: registers[0].ops, versioned: true}
		want := uncut.search(time.Minute) == porcupine.Ok
		count[want]++
		got := Check(registers, time.Minute)
		if bad := len(got.Bad) > 0; bad == want || got.TimedAt != "" {
			t.Fatalf("seed %d: bad %v, want %v: %+v", seed, bad, !want, ops)
		}
		for _, p := range registers[0].pieces() {
			if len(p.ops) > mostShown+1 {
				t.Errorf("seed %d: a piece of %d operations", seed, len(p.ops))
			}
		}
		if !want && len(got.Bad[0].Ops) < 1 {
			t.Errorf("seed %d: a violation without an operation: %+v", seed, got.Bad[0])
		}
	}
	if count[true] < 100 || count[false] < 50 {
		t.Errorf("one-sided: %v", count)
	}
}

// TestVersionsThatTellNoOrder: then the search decides by the values alone.
func TestVersionsThatTellNoOrder(t *testing.T) {
	again := wrote(2, 4, 5, history.OK, 2)
	again.Txn[0].Version = 1 // a version that another value had
	early := read(3, 6, 7, 1)
	early.Txn[0].Version = 7 // of a write that nobody made
	for name, ops := range map[string][]history.Op{
		"used again":       {wrote(1, 0, 1, history.OK, 1), again},
		"of no write":      {wrote(1, 0, 1, history.OK, 1), early},
		"one is not known": {wrote(1, 0, 1, history.OK, 1), {Kind: history.Read, Call: 2 * ms, Return: 3 * ms, Outcome: history.OK, Txn: []history.Access{{Key: "x", Value: 1}}}},
	} {
		r := Registers(ops)[0]
		if _, ok := r.byVersion(); ok {
			t.Errorf("%s: the versions tell an order", name)
		}
		if got := Check([]*Register{r}, time.Minute); len(got.Bad) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestALongWayBack: a read that shows a version from long before is found in a piece that can be read.
func TestALongWayBack(t *testing.T) {
	var ops []history.Op
	for i := range time.Duration(5000) {
		ops = append(ops, wrote(1, 2*i, 2*i+1, history.OK, int64(i)+1))
	}
	ops = append(ops, read(2, 20_000, 20_001, 3))
	got := Check(Registers(ops), time.Minute)
	if len(got.Bad) != 1 || got.Bad[0].Ops[0] != 5000 || len(got.Bad[0].piece.ops) > mostShown {
		t.Errorf("%+v", got)
	}
}

func TestOutOfTime(t *testing.T) {
	if got := Check(Registers([]history.Op{wrote(1, 0, 1, history.OK, 1)}), 0); got.TimedAt != "x" || len(got.Bad) > 0 {
		t.Errorf("%+v", got)
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
	if err := Check(Registers(run.Ops), time.Minute).Bad[0].Picture(&page, run); err != nil {
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
