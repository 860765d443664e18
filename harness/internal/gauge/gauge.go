// Package gauge adds to a benchmark what its time alone does not say: the CPU time beside it, because the machine may be shared
// with others, and the most memory that the process held. Only benchmarks import it.
package gauge

import (
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"
)

// every is how often memory is looked at.
const every = 2 * time.Millisecond

// Spent is what something cost.
type Spent struct {
	Wall time.Duration
	CPU  time.Duration // of the whole process, all processors together
	Peak uint64        // bytes that the process held of the operating system, at most
}

// Of measures what work costs. Garbage of what was before is collected first.
func Of(work func()) Spent {
	runtime.GC()
	stop := watch()
	began, used := time.Now(), cpu()
	work()
	spent := Spent{Wall: time.Since(began), CPU: cpu() - used}
	spent.Peak = stop()
	return spent
}

// Benchmark does work b.N times and reports its cost: CPU time as cpu-s/op, memory as MB/peak, and items as ns/item of wall time.
// It returns what all rounds cost together.
func Benchmark(b *testing.B, items int, work func()) Spent {
	b.Helper()
	var total Spent
	b.ResetTimer()
	for range b.N {
		spent := Of(work)
		total.Wall, total.CPU, total.Peak = total.Wall+spent.Wall, total.CPU+spent.CPU, max(total.Peak, spent.Peak)
	}
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric(total.CPU.Seconds()/n, "cpu-s/op")
	b.ReportMetric(total.Wall.Seconds()/n, "s/op")
	b.ReportMetric(float64(total.Wall.Nanoseconds())/n/float64(items), "ns/item")
	b.ReportMetric(float64(total.Peak)/(1<<20), "MB/peak")
	return total
}

// cpu is what this process has used so far.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// watch looks at the memory held until it is stopped, and then says how much it was at most.
func watch() (stop func() uint64) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	held := func() uint64 {
		metrics.Read(samples)
		return samples[0].Value.Uint64() - samples[1].Value.Uint64()
	}
	end, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := held()
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				peak <- max(most, held())
				return
			case <-ticker.C:
				most = max(most, held())
			}
		}
	}()
	return func() uint64 { close(end); return <-peak }
}
