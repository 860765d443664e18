package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"
)

// confidence of the intervals round medians.
const confidence = 0.95

// Spread is what repetitions of a measurement come to. Nothing is assumed of how they are distributed: the interval is the
// one that order statistics give (golang.org/x/perf/benchmath, AssumeNothing).
type Spread struct {
	N                int
	Median, Min, Max float64
	Low, High        float64         // of the median, with 95 % confidence; infinite where there are too few runs to say
	Percentiles      map[int]float64 // 90, 95, 99: only those that the number of runs supports
}

// SpreadOf takes the spread of values; ok is false if there are none.
func SpreadOf(values []float64) (s Spread, ok bool) {
	if len(values) == 0 {
		return s, false
	}
	sorted := slices.Sorted(slices.Values(values))
	sample := benchmath.NewSample(sorted, &benchmath.DefaultThresholds)
	summary := benchmath.AssumeNothing.Summary(sample, confidence)
	s = Spread{N: len(sorted), Median: summary.Center, Min: sorted[0], Max: sorted[len(sorted)-1], Low: summary.Lo, High: summary.Hi, Percentiles: map[int]float64{}}
	for _, p := range []int{90, 95, 99} {
		if supports(s.N, p) {
			s.Percentiles[p] = sorted[(s.N*p+99)/100-1]
		}
	}
	return s, true
}

// supports says whether at least two of n runs lie beyond the percentile, so that it is not the one worst run.
func supports(n, percentile int) bool { return n*(100-percentile) >= 200 }

// Interval is the confidence interval in words.
func (s Spread) Interval(unit Unit) string {
	if math.IsInf(s.Low, 0) || math.IsInf(s.High, 0) || math.IsNaN(s.Low) || math.IsNaN(s.High) {
		if s.N == 1 {
			return "one run has none"
		}
		return fmt.Sprintf("%d runs are too few", s.N)
	}
	return unit.Text(s.Low) + " to " + unit.Text(s.High)
}

// tails are the percentiles that are known.
func (s Spread) tails(unit Unit) string {
	var parts []string
	for _, p := range []int{90, 95, 99} {
		if v, ok := s.Percentiles[p]; ok {
			parts = append(parts, fmt.Sprintf("p%d %s", p, unit.Text(v)))
		}
	}
	return strings.Join(parts, ", ")
}

// A slot is a bar of a histogram.
type slot struct {
	From, To float64
	N        int
}

// worthABar is how many runs a histogram needs to show more than the list of them.
const worthABar = 8

// histogram puts values into slots of equal round width.
func histogram(values []float64) []slot {
	if len(values) < 2 {
		return nil
	}
	low, high := slices.Min(values), slices.Max(values)
	step := niceStep(max((high-low)/10, math.Abs(high)/100, 1e-9))
	start := math.Floor(low/step) * step
	var slots []slot
	for i := 0; start+float64(i)*step <= high+step*1e-6 && i < 25; i++ {
		slots = append(slots, slot{From: start + float64(i)*step, To: start + float64(i+1)*step})
	}
	for _, v := range values {
		i := min(len(slots)-1, int(math.Floor((v-start)/step+1e-9)))
		slots[i].N++
	}
	return slots
}
