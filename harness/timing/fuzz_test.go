package timing

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Whatever is missing from the record: no panic, and no window that ends before it begins.
func FuzzHoles(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 4))
		stories := []func() *history.Run{
			handmade.KillAsync, handmade.CutThenKill, handmade.SplitBrain, handmade.Switchover, handmade.CutSync, handmade.Rebuilt,
		}
		run := stories[random.IntN(len(stories))]()
		share := func() int { return []int{0, 10, 50, 90, 100}[random.IntN(5)] }
		ops, spans, samples, finals := share(), share(), share(), share()
		run.Ops = slices.DeleteFunc(run.Ops, func(history.Op) bool { return random.IntN(100) < ops })
		run.Spans = slices.DeleteFunc(run.Spans, func(history.Span) bool { return random.IntN(100) < spans })
		run.Samples = slices.DeleteFunc(run.Samples, func(history.Sample) bool { return random.IntN(100) < samples })
		run.Final = slices.DeleteFunc(run.Final, func(history.NodeState) bool { return random.IntN(100) < finals })
		p := Of(run)
		for name, w := range map[string]*history.Window{"outage": p.Outage, "rewind": p.Rewind, "rebuild": p.Rebuild, "at risk": p.AtRisk} {
			if w != nil && (w.To < w.From || w.Length() > 20*time.Second) {
				t.Errorf("%s: %+v", name, *w)
			}
		}
		if p.FirstAck != nil && p.Outage == nil && p.Asked == nil {
			t.Error("a first acknowledgement of nothing")
		}
	})
}

// A run in which nothing at all was acknowledged, as of a story that failed at once.
func TestNothingWasAcknowledged(t *testing.T) {
	run := handmade.KillAsync()
	run.Ops = nil
	if p := Of(run); p.Outage != nil || p.FirstAck != nil || p.Fault == nil {
		t.Errorf("%+v", p)
	}
}
