package check

import (
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// goodRuns are all of the hand-made stories as they must be.
func goodRuns() map[string]func() *history.Run {
	return map[string]func() *history.Run{
		"kill, async":   handmade.KillAsync,
		"kill, sync":    handmade.KillSync,
		"rebuilt":       handmade.Rebuilt,
		"cut then kill": handmade.CutThenKill,
		"split brain":   handmade.SplitBrain,
		"switchover":    handmade.Switchover,
		"cut, sync":     handmade.CutSync,
	}
}

func TestGoodRunsPassEverything(t *testing.T) {
	for name, make := range goodRuns() {
		t.Run(name, func(t *testing.T) {
			for _, v := range Judge(make(), All()) {
				t.Logf("%-12s %s %s", v.Checker, v.Status, v.Sentence)
				if v.Status != history.Pass {
					t.Errorf("%s says %s: %s", v.Checker, v.Status, v.Sentence)
				}
				if v.Sentence == "" {
					t.Errorf("%s says nothing", v.Checker)
				}
			}
		})
	}
}
