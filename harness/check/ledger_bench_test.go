package check

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/internal/gauge"
)

// million is a run of n writes, of which one in a thousand is missing.
func million(n int) *history.Run {
	run := &history.Run{Manifest: history.Manifest{Budget: history.Budget{Lost: -1}}}
	tokens := make(map[string]int, n)
	run.Ops = make([]history.Op, n)
	for i := range run.Ops {
		op := history.Op{
			Client: i % 8, Seq: i / 8, Kind: history.Append, Token: fmt.Sprintf("1a2b3c-%d-%d", i%8, i/8), Node: "pg1", Timeline: 1,
			Call: time.Duration(i) * time.Millisecond, Return: time.Duration(i+1) * time.Millisecond, Outcome: history.OK,
		}
		if i%1000 != 0 {
			tokens[op.Token] = 1
		}
		run.Ops[i] = op
	}
	run.Final = []history.NodeState{{Node: "pg1", Up: true, Timeline: 1, Tokens: tokens}}
	return run
}

// BenchmarkLedger judges the durability of a ledger: a million tokens in at most a second.
func BenchmarkLedger(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		run := million(n)
		b.Run(fmt.Sprintf("tokens=%d", n), func(b *testing.B) {
			gauge.Benchmark(b, n, func() {
				if v := durability(run); v.Status != history.Pass || v.Total != n/1000 {
					b.Fatalf("%s, %d missing: %s", v.Status, v.Total, v.Sentence)
				}
			})
		})
	}
}
