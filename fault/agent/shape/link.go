// Package shape makes a link worse: packets that the kernel queues to it (NFQUEUE) are delayed, lost, doubled, let past others,
// or held to a bandwidth. It works where the kernel has no netem. The queue's rule has the bypass flag: when the agent dies, packets
// pass as if nothing were there.
package shape

import (
	"math/rand/v2"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// link decides the fate of packets, one after the other. It is a pure function of its seed and of what it is shown.
type link struct {
	wire.Shaping
	random *rand.Rand
	free   time.Time // when the wire is free again, of a link with a bandwidth
	last   time.Time // when the packet before leaves: order is kept
}

// fate is what happens to a packet.
type fate struct {
	lost     bool
	leaves   time.Time
	twice    bool
	overtook bool // it left without the delay of the others
}

func newLink(s wire.Shaping) *link {
	return &link{Shaping: s, random: rand.New(rand.NewPCG(s.Seed, 0x6c696e6b))}
}

// next decides for a packet of a size that arrives now. Loss comes first, then bandwidth, then delay.
func (l *link) next(now time.Time, bytes int) fate {
	if l.random.Float64() < l.Loss {
		return fate{lost: true}
	}
	leaves := now
	if l.BytesPerSec > 0 {
		if l.free.After(now) {
			leaves = l.free
		}
		leaves = leaves.Add(time.Duration(float64(bytes) / float64(l.BytesPerSec) * float64(time.Second)))
		l.free = leaves
	}
	f := fate{twice: l.random.Float64() < l.Duplicate}
	if l.random.Float64() < l.Reorder {
		f.leaves, f.overtook = leaves, true
		return f
	}
	leaves = leaves.Add(l.delay())
	if leaves.Before(l.last) {
		leaves = l.last
	}
	l.last, f.leaves = leaves, leaves
	return f
}

func (l *link) delay() time.Duration {
	micros := l.DelayMicros
	if l.JitterMicros > 0 {
		micros += l.random.Int64N(2*l.JitterMicros+1) - l.JitterMicros
	}
	return time.Duration(micros) * time.Microsecond
}
