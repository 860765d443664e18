package reports

import (
	"fmt"
	"math"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// An axis is a stretch of the run's clock that is drawn from the left edge to the right one.
type axis struct {
	from, to time.Duration
	bin      time.Duration // width of the bins in which operations are put together
}

// bestBin is the width of bins that the page wants; longer histories get wider ones and the page says so.
const (
	bestBin  = 100 * time.Millisecond
	fineBin  = 10 * time.Millisecond
	mostBins = 600
)

// newAxis chooses the width of the bins: at least least, and never more than mostBins of them.
func newAxis(from, to, least time.Duration) axis {
	if to <= from {
		to = from + least
	}
	a := axis{from: from, to: to, bin: least}
	for _, factor := range []time.Duration{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000} {
		a.bin = least * factor
		if (to-from)/a.bin <= mostBins {
			break
		}
	}
	return a
}

// bins is how many there are.
func (a axis) bins() int { return int((a.to - a.from + a.bin - 1) / a.bin) }

// index is the bin of a moment; -1 outside.
func (a axis) index(at time.Duration) int {
	if at < a.from || at >= a.to {
		return -1
	}
	return int((at - a.from) / a.bin)
}

// start is when a bin begins.
func (a axis) start(bin int) time.Duration { return a.from + time.Duration(bin)*a.bin }

// left is where a moment lies, in percent of the width.
func (a axis) left(at time.Duration) float64 {
	return round(100 * float64(min(max(at, a.from), a.to)-a.from) / float64(a.to-a.from))
}

// width of a stretch, in percent.
func (a axis) width(from, to time.Duration) float64 { return round(a.left(to) - a.left(from)) }

// touches says whether any of a stretch is on the axis.
func (a axis) touches(from, to time.Duration) bool { return to >= a.from && from <= a.to }

func (a axis) length() time.Duration { return a.to - a.from }

// round keeps the pages small: a thousandth of a percent is less than a pixel.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// A tick is a labelled moment of an axis.
type tick struct {
	Left float64
	Text string
}

// ticks are about ten round moments.
func (a axis) ticks() []tick {
	step := niceStep(a.length().Seconds() / 10)
	places := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var all []tick
	for n := math.Ceil(a.from.Seconds()/step - 1e-9); ; n++ {
		at := time.Duration(math.Round(n * step * 1e9))
		if at > a.to {
			return all
		}
		all = append(all, tick{a.left(at), fmt.Sprintf("%.*f s", places, at.Seconds())})
	}
}

// niceStep is the next of 1, 2, 5, 10, ... that is at least x.
func niceStep(x float64) float64 {
	if x <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, f := range []float64{1, 2, 5, 10} {
		if f*power >= x*(1-1e-9) {
			return f * power
		}
	}
	return 10 * power
}

// extent is from 0 to the last thing that was recorded.
func extent(run *history.Run) (end time.Duration) {
	for i := range run.Ops {
		end = max(end, run.Ops[i].Return)
	}
	for _, s := range run.Spans {
		end = max(end, s.End)
	}
	for i := range run.Samples {
		end = max(end, run.Samples[i].At)
	}
	return end
}

// beginning is when the first thing was recorded: before that the pair was built. It is 0 where that took little of the run.
func beginning(run *history.Run, end time.Duration) time.Duration {
	first := end
	for i := range run.Ops {
		first = min(first, run.Ops[i].Scheduled, run.Ops[i].Call)
	}
	for _, s := range run.Spans {
		first = min(first, s.Start)
	}
	for i := range run.Samples {
		first = min(first, run.Samples[i].At-run.Samples[i].Took)
	}
	first = (first - end/50).Truncate(bestBin) // a little room before it
	if first < end/10 {
		return 0
	}
	return first
}
