package check

import (
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

func TestACheckerThatPanicsSaysUnknown(t *testing.T) {
	broken := named{"broken", func(*history.Run) history.Verdict { panic("index out of range") }}
	mute := named{"mute", func(*history.Run) history.Verdict { return history.Verdict{} }}
	verdicts := Judge(&history.Run{}, []Checker{broken, mute})
	if v := verdicts[0]; v.Status != history.Undecided || v.Checker != "broken" || !strings.Contains(v.Sentence, "index out of range") {
		t.Errorf("a panic became %+v", v)
	}
	if v := verdicts[1]; v.Status != history.Undecided || v.Checker != "mute" {
		t.Errorf("no verdict became %+v", v)
	}
}

func TestOverallIsTheWorst(t *testing.T) {
	p, f, u := history.Verdict{Status: history.Pass}, history.Verdict{Status: history.Fail}, history.Verdict{Status: history.Undecided}
	for _, c := range []struct {
		verdicts []history.Verdict
		want     history.Status
	}{
		{nil, history.Undecided},
		{[]history.Verdict{p, p}, history.Pass},
		{[]history.Verdict{p, u, p}, history.Undecided},
		{[]history.Verdict{u, f, p}, history.Fail},
		{[]history.Verdict{{Status: "odd"}}, history.Undecided},
	} {
		if got := Overall(c.verdicts); got != c.want {
			t.Errorf("%v: got %s, want %s", c.verdicts, got, c.want)
		}
	}
}

func TestAnEmptyRunPassesNothingThatNeedsARecord(t *testing.T) {
	for _, v := range Judge(&history.Run{}, All()) {
		switch v.Checker {
		case "silence", "faults", "way-back": // nothing is demanded of an empty story
		default:
			if v.Status == history.Pass {
				t.Errorf("%s passes an empty run: %s", v.Checker, v.Sentence)
			}
		}
	}
}
