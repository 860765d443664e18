package reports

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 420 * time.Microsecond: "0.42 ms", 181 * ms: "181 ms", 999_600 * time.Microsecond: "1.00 s", 1730 * ms: "1.73 s",
		84_200 * ms: "84.2 s", 1234 * time.Second: "1234 s", -5 * ms: "-5 ms", 9_999 * ms: "10.0 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestBytesAndNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 16_777_216: "16.8 MB", 1_000: "1.00 kB", 999_999: "1.00 MB", 3_200_000_000: "3.20 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %q, want %q", n, got, want)
		}
	}
}

// What a status must never be: a pass of a run that proved nothing.
func TestStatus(t *testing.T) {
	pass := history.Verdict{Status: history.Pass}
	for name, c := range map[string]struct {
		verdicts []history.Verdict
		manifest history.Manifest
		want     history.Status
	}{
		"nothing checked":    {want: history.Undecided},
		"all pass":           {verdicts: []history.Verdict{pass, pass}, want: history.Pass},
		"one unknown":        {verdicts: []history.Verdict{pass, {Status: history.Undecided}}, want: history.Undecided},
		"fail over unknown":  {verdicts: []history.Verdict{{Status: history.Undecided}, {Status: history.Fail}, pass}, want: history.Fail},
		"a strange word":     {verdicts: []history.Verdict{{Status: "fine"}}, want: history.Undecided},
		"pass and strange":   {verdicts: []history.Verdict{pass, {Status: "fine"}}, want: history.Undecided},
		"story broke off":    {verdicts: []history.Verdict{pass}, manifest: history.Manifest{Error: "x"}, want: history.Undecided},
		"broke off and fail": {verdicts: []history.Verdict{{Status: history.Fail}}, manifest: history.Manifest{Error: "x"}, want: history.Fail},
		"dirty":              {verdicts: []history.Verdict{pass}, manifest: history.Manifest{Dirty: true}, want: history.Undecided},
		"skipped":            {manifest: history.Manifest{Skipped: "no netem"}, want: Skipped},
	} {
		r := Result{Run: &history.Run{Manifest: c.manifest}, Verdicts: c.verdicts}
		if got := r.Status(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if r.Sentence() == "" {
			t.Errorf("%s: no sentence", name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"format":0}`, `{"format":99}`, `{"format":1,"runs":7}`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q was read without an error", text)
		}
	}
}

// Every earlier version must stay readable: report-v1.json is never written anew.
func TestReadsEarlierVersions(t *testing.T) {
	report, err := Read("testdata/report-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 8 || report.Status != history.Fail || report.Runs[0].Measures[RTO] != 0.182 || report.Runs[3].Phases.Loss.Lost != 36 {
		t.Errorf("read %d runs, status %q, %+v", len(report.Runs), report.Status, report.Runs[0].Measures)
	}
}

func TestReadmeHasEveryMeasure(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range Measures() {
		if row := "| `" + string(m.Unit) + "` | " + m.Title + " | " + m.Means + " |"; !strings.Contains(string(readme), row) {
			t.Errorf("README.md has no row\n%s", row)
		}
	}
}
