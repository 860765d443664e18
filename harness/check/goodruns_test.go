package check

import (
	"strings"
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

// On a slow machine a fault is seen seconds after it took effect, and what the servers said meanwhile is explained.
func TestAFaultThatWasSeenLateExplainsWhatCameBefore(t *testing.T) {
	run := handmade.CutSync()
	fault := span(run, history.SpanFault)
	fault.Values[history.ValueAsked], fault.Start = ms(2990).String(), ms(3900)
	for _, c := range []struct {
		at    int
		state string
		want  history.Status
	}{
		{3100, "08006", history.Pass}, {9000, "57014", history.Pass}, {1000, "08006", history.Fail}, {1000, "57014", history.Fail}, {3100, "28000", history.Fail},
	} {
		run.Final[1].Log = []history.LogLine{handmade.Line(run, c.at, "FATAL", c.state, "could not receive data from WAL stream")}
		if v := logs(run); v.Status != c.want {
			t.Errorf("%s at %d ms: %s, want %s: %s", c.state, c.at, v.Status, c.want, v.Sentence)
		}
	}
}

func TestWithoutChecksumsNobodySaysTheyAreSound(t *testing.T) {
	run := handmade.KillAsync()
	run.Expect.NoChecksums = true
	for i := range run.Final {
		run.Final[i].Settings["data_checksums"], run.Final[i].Checksums = "off", &history.Verification{Detail: "data checksums are not enabled in cluster"}
	}
	if v := checksums(run); v.Status != history.Pass || strings.Contains(v.Sentence, "sound") {
		t.Errorf("%s: %s", v.Status, v.Sentence)
	}
}

func TestNothingMovesSoNothingIsRewound(t *testing.T) {
	run := handmade.CutSync()
	run.Expect.NoRewind = true
	if v := wayBack(run); v.Status != history.Pass {
		t.Errorf("%s: %s", v.Status, v.Sentence)
	}
}
