package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/internal/gauge"
)

func TestRecordAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := Run{
		Manifest: Manifest{Format: 1, ID: "a"},
		Ops:      []Op{{Client: 1, Seq: 1, Kind: Append, Token: "é<", Outcome: LocalOnly}, {Client: 2, Seq: 9, Kind: Txn, Txn: []Access{{Key: "k", List: []int64{1}}}}},
		Spans:    []Span{{Name: SpanFault, Values: map[string]string{"a": "b"}}},
		Samples:  []Sample{{Node: "pg1", Up: true, Write: 7}},
		Final:    []NodeState{{Node: "pg1", Tokens: map[string]int{"é<": 1}}},
	}
	if err := r.Manifest(want.Manifest); err != nil {
		t.Fatal(err)
	}
	r.Op(want.Ops[0])
	r.Span(want.Spans[0])
	r.Sample(want.Samples[0])
	r.Op(want.Ops[1])
	r.Final(want.Final[0])
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	want.Ops[0].Line, want.Ops[1].Line = 1, 4
	got, err := Load(dir)
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, want)
	}
}

// What is in a run does not depend on where its blocks end, and neither do line numbers.
func TestBlocksEndAnywhere(t *testing.T) {
	var text strings.Builder
	for i := range 50 {
		op := Op{Seq: i, Kind: Append, Token: fmt.Sprint("t", i)}
		text.Write(appendOp(nil, &op))
		if i%10 == 0 {
			text.WriteString(`{"final":{"node":"` + strings.Repeat("x", 3000) + "\"}}\n")
		}
	}
	for size := 1; size < 4000; size = size*3/2 + 1 {
		for _, whole := range []bool{true, false} {
			var run Run
			from := iotest.OneByteReader(strings.NewReader(text.String()))
			if whole {
				from = strings.NewReader(text.String())
			}
			if err := run.read(from, size); err != nil {
				t.Fatalf("blocks of %d: %v", size, err)
			}
			if len(run.Ops) != 50 || len(run.Final) != 5 {
				t.Fatalf("blocks of %d: %d operations, %d final", size, len(run.Ops), len(run.Final))
			}
			for i, op := range run.Ops {
				if want := i + 1 + (i+9)/10; op.Seq != i || op.Line != want {
					t.Fatalf("blocks of %d: operation %d is number %d on line %d, want line %d", size, i, op.Seq, op.Line, want)
				}
			}
		}
	}
}

func TestBadLines(t *testing.T) {
	good := plainLine + "\n"
	for _, test := range []struct {
		name, text, want string
		ops              int
	}{
		{"nothing", "", "", 0},
		{"good", good + good, "", 2},
		{"cut last line", good + good + plainLine[:70], "", 2},
		{"last line whole but for its newline", good + plainLine, "", 1},
		{"cut line that is not the last", good + plainLine[:70] + "\n" + good, "line 2: ", 0},
		{"empty line", good + "\n" + good, "line 2: ", 0},
		{"no such outcome", good + good + strings.Replace(good, `"ok"`, `"maybe"`, 1), "line 3: outcome \"maybe\"", 0},
		{"neither", "{}\n", "line 1: want one of", 0},
		{"two in one", `{"op":{"client":1},"span":{"name":"x"}}` + "\n", "line 1: want one of", 0},
		{"two lines in one", plainLine + plainLine + "\n", "line 1: ", 0},
		{"zeros, as after a power loss", good + strings.Repeat("\x00", 100) + "\n", "line 2: ", 0},
	} {
		for _, size := range []int{1, 200, 1 << 20} {
			var run Run
			err := run.read(strings.NewReader(test.text), size)
			switch {
			case test.want == "" && (err != nil || len(run.Ops) != test.ops):
				t.Errorf("%s, blocks of %d: %d operations, %v", test.name, size, len(run.Ops), err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("%s, blocks of %d: %v, want %s...", test.name, size, err, test.want)
			}
		}
	}
	broken := errors.New("disk on fire")
	var run Run
	if err := run.read(iotest.ErrReader(broken), 100); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

func BenchmarkRecorderOp(b *testing.B) {
	r, err := Create(filepath.Join(b.TempDir(), "run"))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	op := Op{Client: 3, Seq: 17, Kind: Append, Token: "4oes7-3-342", Node: "pg1", Timeline: 1, LSN: 0x1CCAFA8, Scheduled: 3006742382, Call: 3007642261, Return: 3030522768, Outcome: OK}
	b.ReportAllocs()
	for b.Loop() {
		r.Op(op)
	}
}

// One million operations, as a ledger and as list-append transactions leave them.
func BenchmarkLoad(b *testing.B) {
	for name, op := range map[string]Op{
		"ledger": {Kind: Append, Token: "4oes7-3-342", Node: "pg1", Timeline: 1, LSN: 0x1CCAFA8, Outcome: OK},
		"append": {Workload: "append", Kind: Txn, Node: "pg1", Timeline: 1, LSN: 0x1CCAFA8, Outcome: OK, Isolation: Serializable, Txn: []Access{
			{Write: true, Key: "k17", Value: 123456}, {Key: "k18", List: []int64{1, 2, 3, 4, 5, 6, 7, 8}}, {Key: "k3", List: []int64{77}},
		}},
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			file, err := os.Create(filepath.Join(dir, HistoryFile))
			if err != nil {
				b.Fatal(err)
			}
			var text []byte
			for i := range 1_000_000 {
				op.Client, op.Seq, op.Call = i%8, i/8, time.Duration(i)*time.Microsecond
				op.Scheduled, op.Return = op.Call-1000, op.Call+700_000
				if op.Token != "" {
					op.Token = fmt.Sprintf("4oes7-%d-%d", op.Client, op.Seq)
				}
				if text = appendOp(text, &op); len(text) > 1<<20 {
					if _, err := file.Write(text); err != nil {
						b.Fatal(err)
					}
					text = text[:0]
				}
			}
			if _, err := file.Write(text); err != nil {
				b.Fatal(err)
			}
			if err := file.Close(); err != nil {
				b.Fatal(err)
			}
			if err := WriteJSON(filepath.Join(dir, ManifestFile), Manifest{}); err != nil {
				b.Fatal(err)
			}
			gauge.Benchmark(b, 1_000_000, func() {
				run, err := Load(dir)
				if err != nil || len(run.Ops) != 1_000_000 {
					b.Fatal(len(run.Ops), err)
				}
			})
		})
	}
}
