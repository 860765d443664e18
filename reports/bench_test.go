package reports

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// repeated is a bench of n runs whose outages and rewinds are drawn around a middle.
func repeated(n int, seed uint64, outage, rewind time.Duration) []Result {
	rng := rand.New(rand.NewPCG(seed, 1))
	around := func(d time.Duration) time.Duration {
		return (d + time.Duration(float64(d)*0.08*rng.NormFloat64())).Round(time.Microsecond)
	}
	var all []Result
	for i := range n {
		all = append(all, killPrimary(made{repetition: i + 1, rate: 50, outage: max(60*ms, around(outage)), rewind: around(rewind)}))
	}
	return all
}

// drawn is a report of n runs of the same thing, without the runs.
func drawn(n int, seed uint64) Report {
	rng := rand.New(rand.NewPCG(seed, 1))
	report := Report{Format: Format}
	for range n {
		report.Runs = append(report.Runs, Entry{Status: history.Pass, Measures: map[Unit]float64{RTO: 0.1 + rng.ExpFloat64()/20, Rewind: 0.9 + rng.NormFloat64()/10}})
	}
	return report
}

func TestBenchIsReadByBenchfmt(t *testing.T) {
	report := Of("out", append(drill(), hostile()))
	text, err := Bench(report)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "bench.txt", string(text[:bytes.Index(text, []byte("# left out: <script>"))]))
	reader := benchfmt.NewReader(bytes.NewReader(text), "bench.txt")
	var read []*benchfmt.Result
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(record)
		case *benchfmt.Result:
			read = append(read, record.Clone())
		}
	}
	var want []Entry
	for _, e := range report.Runs {
		if useless(e) == "" {
			want = append(want, e)
		}
	}
	if len(read) != len(want) || len(read) != 6 {
		t.Fatalf("%d lines of %d runs", len(read), len(want))
	}
	for i, r := range read {
		for unit, value := range want[i].Measures {
			got, ok := r.Value(string(unit))
			if !ok {
				got, ok = r.Value(strings.Replace(string(unit), "MB/", "B/", 1)) // benchfmt's own unit
				got /= 1e6
			}
			if !ok || math.Abs(got-value) > 1e-9 {
				t.Errorf("run %d: %v %s, want %v", i, got, unit, value)
			}
		}
	}
	for _, m := range Measures() {
		if reader.Units().GetBetter(string(m.Unit)) != -1 {
			t.Errorf("%s is not declared: less is better", m.Unit)
		}
	}
}

func TestSpread(t *testing.T) {
	twenty := make([]float64, 20)
	for i := range twenty {
		twenty[i] = float64(20 - i)
	}
	s, ok := SpreadOf(twenty)
	if !ok || s.N != 20 || s.Median != 10.5 || s.Min != 1 || s.Max != 20 || s.Low < 5 || s.Low > 7 || s.High < 14 || s.High > 16 {
		t.Errorf("%+v", s)
	}
	if _, known := s.Percentiles[90]; !known || len(s.Percentiles) != 1 {
		t.Errorf("20 runs support the 90th percentile and no further: %v", s.Percentiles)
	}
	if s, _ := SpreadOf([]float64{1, 2, 3}); s.Interval(RTO) != "3 runs are too few" || len(s.Percentiles) != 0 {
		t.Errorf("an interval of three runs: %s", s.Interval(RTO))
	}
	if _, ok := SpreadOf(nil); ok {
		t.Error("a spread of nothing")
	}
	if twenty[0] != 20 {
		t.Error("the values were sorted in place")
	}
}

// The interval must hold the true median about as often as it says.
func TestIntervalCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	held, rounds := 0, 1000
	for range rounds {
		values := make([]float64, 20)
		for i := range values {
			values[i] = rng.ExpFloat64()
		}
		if s, _ := SpreadOf(values); s.Low <= math.Ln2 && math.Ln2 <= s.High {
			held++
		}
	}
	if held < 930 || held > 990 {
		t.Errorf("the median lies in %d of %d intervals of 95 %%", held, rounds)
	}
}

func TestHistogramHoldsEverything(t *testing.T) {
	for _, values := range [][]float64{{1, 1, 1}, {0.1, 0.2, 0.3}, {0, 0}, {0.175, 0.181, 0.204, 5}, {-1, 1}} {
		n := 0
		for _, s := range histogram(values) {
			n += s.N
		}
		if n != len(values) {
			t.Errorf("%v: %d in the slots", values, n)
		}
	}
	if histogram([]float64{1}) != nil {
		t.Error("a histogram of one value")
	}
}

func TestGoldenBenchTable(t *testing.T) {
	results := repeated(20, 5, 180*ms, 900*ms)
	results[3].Run.Error = "interrupted"
	results[5].Run.Ended = time.Time{} // the tester was killed
	results[4].Run.Machine["spoiled: load"] = "3.1 on 2 CPUs when the run began"
	golden(t, "benchtable.txt", BenchTable(results, false))
}

func TestCompareFindsWhatBecameSlower(t *testing.T) {
	old := Of("", repeated(20, 1, 180*ms, 900*ms))
	slower := Of("", repeated(20, 2, 180*ms, 1100*ms))
	c := Compare(old, slower)
	if !c.Regression() {
		t.Fatalf("a rewind 22 %% longer is no regression:\n%s", c)
	}
	golden(t, "compare.txt", c.String())
	for _, one := range c.All {
		if one.Unit == RTO && one.Real() {
			t.Errorf("the outage did not change: %s", one)
		}
	}
	if c := Compare(slower, old); c.Regression() || !strings.Contains(c.String(), "BETTER") {
		t.Errorf("the other way round it is better:\n%s", c)
	}
}

func TestCompareIsNotFooledByNoise(t *testing.T) {
	wrong, compared := 0, 0
	for seed := range uint64(40) {
		c := Compare(drawn(10, 100+seed), drawn(10, 900+seed))
		for _, one := range c.All {
			if one.Unit == RTO || one.Unit == Rewind {
				compared++
				if one.Real() {
					wrong++
				}
			}
		}
	}
	if compared != 80 || wrong > 4 {
		t.Errorf("%d of %d comparisons of the same thing found a difference", wrong, compared)
	}
}

func TestCompareSaysWhatItCannotSay(t *testing.T) {
	few := Compare(Of("", repeated(3, 1, 180*ms, 900*ms)), Of("", repeated(3, 2, 180*ms, 2*time.Second)))
	if few.Regression() || !strings.Contains(few.String(), "too few runs") {
		t.Errorf("three runs prove nothing:\n%s", few)
	}
	other := Compare(Of("", repeated(2, 1, 180*ms, 900*ms)), Of("", []Result{killPrimary(made{scenario: "other"})}))
	if text := other.String(); !strings.Contains(text, "only in the old report") || !strings.Contains(text, "only in the new report") || !strings.Contains(text, "Nothing can be compared") {
		t.Errorf("nothing in common:\n%s", text)
	}
}

func TestFewerPassesAreARegression(t *testing.T) {
	now := repeated(20, 1, 180*ms, 900*ms)
	now[7].Verdicts[0].Status = history.Fail
	c := Compare(Of("", repeated(20, 1, 180*ms, 900*ms)), Of("", now))
	if !c.Regression() || !strings.Contains(c.String(), "19 of 20 runs pass, before 20 of 20") {
		t.Errorf("one run more failed:\n%s", c)
	}
}
