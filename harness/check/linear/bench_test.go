package linear

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/internal/gauge"
)

// BenchmarkRegisters1M judges a million operations: in at most 3 s. With versions the keys may be as few and as busy as they like;
// without, the history is cut at quiet moments.
func BenchmarkRegisters1M(b *testing.B) {
	for _, test := range []struct {
		name      string
		keys      int
		versioned bool
	}{{"versions", 200, true}, {"one key", 1, true}, {"values alone", 200, false}} {
		b.Run(test.name, func(b *testing.B) {
			ops := registers(test.keys, 1_000_000/test.keys, test.versioned)
			gauge.Benchmark(b, len(ops), func() {
				if got := Check(Registers(ops), time.Minute); len(got.Bad) > 0 || got.TimedAt != "" || got.Ops < 900_000 {
					b.Fatalf("%d operations, %d bad, out of time at %q", got.Ops, len(got.Bad), got.TimedAt)
				}
			})
		})
	}
}

// registers is a good history of some keys, with the SQL texts and node names that a workload records.
func registers(keys, each int, withVersions bool) []history.Op {
	random := rand.New(rand.NewPCG(1, 3))
	var ops []history.Op
	for key := range keys {
		one := randomHistory(random, each, false)
		if withVersions {
			one = versioned(one)
		}
		for i := range one {
			one[i].Workload, one[i].Node, one[i].Txn[0].Key = "register", "pg1", fmt.Sprintf("r%d", key)
		}
		ops = append(ops, one...)
	}
	return ops
}
