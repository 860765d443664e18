package shape

import (
	"math"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// run shows a link n packets of a size, spaced evenly.
func run(s wire.Shaping, n, bytes int, apart time.Duration) (fates []fate, arrivals []time.Time) {
	l := newLink(s)
	now := time.Unix(0, 0)
	for range n {
		fates = append(fates, l.next(now, bytes))
		arrivals = append(arrivals, now)
		now = now.Add(apart)
	}
	return fates, arrivals
}

func share(fates []fate, is func(fate) bool) float64 {
	n := 0
	for _, f := range fates {
		if is(f) {
			n++
		}
	}
	return float64(n) / float64(len(fates))
}

func TestSharesAreAsAsked(t *testing.T) {
	fates, _ := run(wire.Shaping{Loss: 0.3, Seed: 5}, 10000, 100, time.Millisecond)
	if got := share(fates, func(f fate) bool { return f.lost }); math.Abs(got-0.3) > 0.02 {
		t.Errorf("loss %v", got)
	}
	fates, _ = run(wire.Shaping{Duplicate: 0.2, Reorder: 0.1, DelayMicros: 5000, Seed: 5}, 10000, 100, time.Millisecond)
	if got := share(fates, func(f fate) bool { return f.twice }); math.Abs(got-0.2) > 0.02 {
		t.Errorf("duplicates %v", got)
	}
	if got := share(fates, func(f fate) bool { return f.overtook }); math.Abs(got-0.1) > 0.02 {
		t.Errorf("overtaking %v", got)
	}
}

func TestDelayWithJitterKeepsOrder(t *testing.T) {
	fates, arrivals := run(wire.Shaping{DelayMicros: 100_000, JitterMicros: 50_000, Seed: 5}, 1000, 100, time.Millisecond)
	var last time.Time
	for i, f := range fates {
		if d := f.leaves.Sub(arrivals[i]); d < 50*time.Millisecond || d > 151*time.Millisecond {
			t.Fatalf("packet %d delayed by %v", i, d)
		}
		if f.leaves.Before(last) {
			t.Fatalf("packet %d leaves before the one before it", i)
		}
		last = f.leaves
	}
}

func TestBandwidth(t *testing.T) {
	fates, _ := run(wire.Shaping{BytesPerSec: 100_000}, 100, 1000, 0)
	if took := fates[99].leaves.Sub(time.Unix(0, 0)); (took - time.Second).Abs() > time.Millisecond {
		t.Errorf("100 kB at 100 kB/s took %v", took)
	}
	fates, arrivals := run(wire.Shaping{BytesPerSec: 100_000}, 100, 1000, 20*time.Millisecond)
	if d := fates[99].leaves.Sub(arrivals[99]); (d - 10*time.Millisecond).Abs() > time.Millisecond {
		t.Errorf("a packet on an idle link took %v", d)
	}
}

func TestSameSeedSameFates(t *testing.T) {
	s := wire.Shaping{Loss: 0.1, DelayMicros: 10, JitterMicros: 5, Seed: 9}
	one, _ := run(s, 1000, 100, time.Millisecond)
	two, _ := run(s, 1000, 100, time.Millisecond)
	for i := range one {
		if one[i] != two[i] {
			t.Fatalf("packet %d: %+v and %+v", i, one[i], two[i])
		}
	}
}

func TestNothingAskedNothingDone(t *testing.T) {
	fates, arrivals := run(wire.Shaping{}, 100, 1500, time.Millisecond)
	for i, f := range fates {
		if f.lost || f.twice || f.overtook || !f.leaves.Equal(arrivals[i]) {
			t.Fatalf("packet %d: %+v", i, f)
		}
	}
}
