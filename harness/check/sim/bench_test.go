package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/check/sim"
	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/internal/gauge"
)

// analyzeOften measures the analysis of one history; the memory is that of the whole process, the history included.
func analyzeOften(b *testing.B, made *sim.History, options txn.Options) *txn.Report {
	b.Helper()
	var report *txn.Report
	gauge.Benchmark(b, len(made.Ops), func() {
		var err error
		if report, err = txn.Analyze(made.Ops, options); err != nil {
			b.Fatal(err)
		}
	})
	return report
}

// BenchmarkTransactions finds and explains all anomalies of a clean history: 100,000 transactions in at most a second, a million in at
// most ten and within 2 GB, and so not more than twelve times as long.
func BenchmarkTransactions(b *testing.B) {
	for _, mode := range []sim.Mode{sim.Strict, sim.Snapshot, sim.ReadCommitted} {
		for _, size := range []int{100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/txns=%d", mode, size), func(b *testing.B) {
				if report := analyzeOften(b, clean(mode, size), txn.Options{RealTime: true}); report.Errors() > 0 {
					b.Fatal(short(report))
				}
			})
		}
	}
}

func clean(mode sim.Mode, size int) *sim.History {
	return sim.Make(sim.Config{Seed: 1, Mode: mode, Txns: size, Unknown: 0.01, Abort: 0.01})
}

// BenchmarkGrowth is how many times as long a million transactions take as 100,000, both measured in turn in one run: x-growth by CPU
// time, x-growth-wall by the clock. Ten times would be linear; at most twelve is the figure to reach.
func BenchmarkGrowth(b *testing.B) {
	for _, mode := range []sim.Mode{sim.Strict, sim.Snapshot, sim.ReadCommitted} {
		b.Run(string(mode), func(b *testing.B) {
			small, large := clean(mode, 100_000), clean(mode, 1_000_000)
			analyze := func(made *sim.History) gauge.Spent {
				return gauge.Of(func() {
					if _, err := txn.Analyze(made.Ops, txn.Options{RealTime: true}); err != nil {
						b.Fatal(err)
					}
				})
			}
			const rounds = 5 // of the small one, so that both are measured for about as long
			var one, ten gauge.Spent
			b.ResetTimer()
			for range b.N {
				for range rounds {
					spent := analyze(small)
					one.CPU, one.Wall = one.CPU+spent.CPU, one.Wall+spent.Wall
				}
				spent := analyze(large)
				ten.CPU, ten.Wall = ten.CPU+spent.CPU, ten.Wall+spent.Wall
			}
			b.ReportMetric(rounds*ten.CPU.Seconds()/one.CPU.Seconds(), "x-growth")
			b.ReportMetric(rounds*ten.Wall.Seconds()/one.Wall.Seconds(), "x-growth-wall")
		})
	}
}

// BenchmarkComponent75k is one strongly connected component of 75,000 transactions: many clients on few keys without
// isolation, and rings that have no short cycle at all. The worst anomaly must be named, with a witness of at most eight.
func BenchmarkComponent75k(b *testing.B) {
	dense := sim.Make(sim.Config{Seed: 1, Mode: sim.None, Clients: 200, Keys: 24, Length: 300, Txns: 90_000})
	for _, test := range []struct {
		name string
		made *sim.History
		want txn.Anomaly
	}{
		{"dense", dense, txn.G0},
		{"ring of write skews", skewRing(75_000), txn.G2},
		{"ring of forks", forkRing(37_500), txn.GNonadjacent},
		{"ring of one key", overtakenReader(75_000), txn.GSingle},
	} {
		b.Run(test.name, func(b *testing.B) {
			report := analyzeOften(b, test.made, txn.Options{RealTime: true})
			b.ReportMetric(float64(report.Largest), "txns/component")
			found := report.Find(test.want)
			if report.Largest < 75_000 || found == nil {
				b.Fatalf("no large component, or no %s: %s", test.want, short(report))
			}
			if n := len(found.Examples[0].Steps); n < 2 || n > txn.Shown {
				b.Errorf("a witness of %d", n)
			}
		})
	}
}

// skewRing is a ring of write skews that all ran at once: each reads its own key and writes the next one's.
func skewRing(n int) *sim.History {
	ops := make([]history.Op, n)
	for i := range ops {
		ops[i] = atOnce(i, history.Access{Key: key(i, n)}, history.Access{Write: true, Key: key(i+1, n), Value: 1})
	}
	return &sim.History{Ops: ops}
}

// forkRing has a writer a key, and a reader between each two that saw the one and not the other.
func forkRing(n int) *sim.History {
	var ops []history.Op
	for i := range n {
		ops = append(ops, atOnce(2*i, history.Access{Write: true, Key: key(i, n), Value: 1}),
			atOnce(2*i+1, history.Access{Key: key(i, n), List: []int64{1}}, history.Access{Key: key(i+1, n)}))
	}
	return &sim.History{Ops: ops}
}

// overtakenReader saw nothing of one key and the end of a chain of appends to it, over another.
func overtakenReader(n int) *sim.History {
	var ops []history.Op
	all := make([]int64, n-1)
	for i := range n - 1 {
		all[i] = int64(i + 1)
		ops = append(ops, atOnce(i, history.Access{Write: true, Key: "x", Value: all[i]}))
	}
	last := &ops[n-2]
	last.Txn = append(last.Txn, history.Access{Write: true, Key: "y", Value: 1})
	ops = append(ops, atOnce(n, history.Access{Key: "x"}, history.Access{Key: "y", List: []int64{1}}), atOnce(n+1, history.Access{Key: "x", List: all}))
	return &sim.History{Ops: ops}
}

func key(i, n int) string { return fmt.Sprintf("k%d", i%n) }

// atOnce is a transaction that ran at the same time as all others, and was acknowledged.
func atOnce(client int, accesses ...history.Access) history.Op {
	return history.Op{
		Client: client, Kind: history.Txn, Isolation: history.RepeatableRead, Return: time.Second, Outcome: history.OK, Txn: accesses,
	}
}
