package sim_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/check/sim"
	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// analyzeOften measures the analysis of one history, and what is on the heap at the end of it, history included.
func analyzeOften(b *testing.B, made *sim.History, options txn.Options) *txn.Report {
	b.Helper()
	var report *txn.Report
	var err error
	b.ResetTimer()
	began := cpuTime()
	for range b.N {
		if report, err = txn.Analyze(made.Ops, options); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric((cpuTime()-began).Seconds()/float64(b.N), "cpu-s/op") // what a loaded machine does not spoil
	b.ReportMetric(float64(len(made.Ops))*float64(b.N)/b.Elapsed().Seconds(), "txns/s")
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.Sys)/(1<<20), "MB/process")
	return report
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkSerializable100k(b *testing.B) { benchmarkClean(b, sim.Strict, 100_000) }

func BenchmarkSerializable1M(b *testing.B) { benchmarkClean(b, sim.Strict, 1_000_000) }

func BenchmarkSnapshot100k(b *testing.B) { benchmarkClean(b, sim.Snapshot, 100_000) }

func BenchmarkSnapshot1M(b *testing.B) { benchmarkClean(b, sim.Snapshot, 1_000_000) }

func BenchmarkReadCommitted100k(b *testing.B) { benchmarkClean(b, sim.ReadCommitted, 100_000) }

func BenchmarkReadCommitted1M(b *testing.B) { benchmarkClean(b, sim.ReadCommitted, 1_000_000) }

func benchmarkClean(b *testing.B, mode sim.Mode, size int) {
	made := sim.Make(sim.Config{Seed: 1, Mode: mode, Txns: size, Unknown: 0.01, Abort: 0.01})
	if report := analyzeOften(b, made, txn.Options{RealTime: true}); report.Errors() > 0 {
		b.Fatal(short(report))
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
