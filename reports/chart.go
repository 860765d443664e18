package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A chart is drawn in a box of chartWidth x chartHeight units that the page stretches in width only.
type chart struct {
	Summary string // what is to be seen, for those who do not see it
	Grid    []gridLine
	Curves  []curve
}

type gridLine struct {
	Top  float64 // percent from above
	Text string
}

// A curve is the d attribute of an SVG path. Its class gives it a colour and a pattern of dashes.
type curve struct {
	Class, D, Name string
}

const (
	chartWidth  = 1000.0
	chartHeight = 100.0
)

// stairs draws a value that holds over each bin; where there is none (negative) the line is broken. A single bin is a dash.
func stairs(n int, value func(int) float64, scale func(float64) float64) string {
	var b strings.Builder
	x := func(i int) string { return number(chartWidth * float64(i) / float64(n)) }
	open, last := false, ""
	for i := range n {
		v := value(i)
		if v < 0 {
			open = false
			continue
		}
		y := number(chartHeight * (1 - min(max(scale(v), 0), 1)))
		switch {
		case !open:
			b.WriteString("M" + x(i) + " " + y)
		case y != last:
			b.WriteString("V" + y)
		}
		b.WriteString("H" + x(i+1))
		open, last = true, y
	}
	return b.String()
}

// area is stairs closed at the bottom.
func area(n int, value func(int) float64, scale func(float64) float64) string {
	line := stairs(n, value, scale)
	if line == "" {
		return ""
	}
	return "M0 100L" + strings.TrimPrefix(line, "M") + "V100Z"
}

func number(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// linear is a scale from 0 to top, which is a round number that is at least most.
func linear(most float64) (scale func(float64) float64, step float64, top float64) {
	step = niceStep(max(most, 1e-9) / 4)
	top = step * math.Ceil(max(most, 1e-9)/step)
	return func(v float64) float64 { return v / top }, step, top
}

func linearGrid(step, top float64, text func(float64) string) []gridLine {
	var lines []gridLine
	for v := 0.0; v <= top+step/2; v += step {
		lines = append(lines, gridLine{round(100 * (1 - v/top)), text(v)})
	}
	return lines
}

// throughput draws writes a second by outcome.
func throughput(a axis, bins []bin) *chart {
	perSecond := float64(time.Second) / float64(a.bin)
	most, total := 0.0, 0
	for _, b := range bins {
		most = max(most, float64(max(b.acknowledged, b.failed, b.unknown))*perSecond)
		total += b.acknowledged
	}
	scale, step, top := linear(most)
	curveOf := func(class, name string, of func(bin) int, filled bool) curve {
		value := func(i int) float64 { return float64(of(bins[i])) * perSecond }
		if filled {
			return curve{class, area(len(bins), value, scale), name}
		}
		return curve{class, stairs(len(bins), some(value), scale), name}
	}
	return &chart{
		Summary: fmt.Sprintf("Writes a second, in bins of %s: %s acknowledged from %s to %s, at most %s a second.",
			Duration(a.bin), Number(total), clock(a.from), clock(a.to), Number(int(most))),
		Grid: linearGrid(step, top, func(v float64) string { return Number(int(math.Round(v))) }),
		Curves: []curve{
			curveOf("ok", "acknowledged", func(b bin) int { return b.acknowledged }, true),
			curveOf("unknown", "unknown", func(b bin) int { return b.unknown }, false),
			curveOf("failed", "failed", func(b bin) int { return b.failed }, false),
		},
	}
}

// some breaks a line where the value is 0, so that what did not happen is not drawn.
func some(value func(int) float64) func(int) float64 {
	return func(i int) float64 {
		if v := value(i); v > 0 {
			return v
		}
		return -1
	}
}

// latency draws percentiles on a logarithmic scale, whole decades.
func latency(a axis, bins []bin) *chart {
	low, high := time.Hour, time.Duration(1)
	worst, at := time.Duration(0), 0
	for i, b := range bins {
		if b.waited == 0 {
			continue
		}
		low, high = min(low, max(b.p50, 10*time.Microsecond)), max(high, b.p99)
		if b.p99 > worst {
			worst, at = b.p99, i
		}
	}
	if worst == 0 {
		return &chart{Summary: "No acknowledged write, so no latency."}
	}
	bottom, top := math.Floor(math.Log10(float64(low))), math.Ceil(math.Log10(float64(high)))
	top = max(top, bottom+1)
	scale := func(v float64) float64 { return (math.Log10(max(v, 1)) - bottom) / (top - bottom) }
	curveOf := func(class, name string, of func(bin) time.Duration) curve {
		return curve{class, stairs(len(bins), func(i int) float64 {
			if bins[i].waited == 0 {
				return -1
			}
			return float64(of(bins[i]))
		}, scale), name}
	}
	c := &chart{
		Summary: fmt.Sprintf("Latency from the moment a write was due, in bins of %s: the worst 99th percentile is %s, of writes due at %s.",
			Duration(a.bin), Duration(worst), clock(a.start(at))),
		Curves: []curve{
			curveOf("p50", "median", func(b bin) time.Duration { return b.p50 }),
			curveOf("p95", "95th percentile", func(b bin) time.Duration { return b.p95 }),
			curveOf("p99", "99th percentile", func(b bin) time.Duration { return b.p99 }),
		},
	}
	for d := bottom; d <= top; d++ {
		c.Grid = append(c.Grid, gridLine{round(100 * (top - d) / (top - bottom)), decade(d)})
	}
	return c
}

// decade names a power of ten of nanoseconds.
func decade(power float64) string {
	d := time.Duration(math.Pow(10, power))
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%d s", d/time.Second)
	case d >= time.Millisecond:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d >= time.Microsecond:
		return fmt.Sprintf("%d µs", d/time.Microsecond)
	}
	return fmt.Sprintf("%d ns", d)
}

// lag draws how many bytes the standby's replay was behind.
func lag(a axis, bins []bin) *chart {
	most, at := int64(-1), 0
	for i, b := range bins {
		if b.lag > most {
			most, at = b.lag, i
		}
	}
	if most < 0 {
		return &chart{Summary: "No standby was seen replaying the primary's timeline, so no lag is known."}
	}
	scale, step, top := linear(float64(most))
	return &chart{
		Summary: fmt.Sprintf("Bytes by which the standby's replay was behind the primary: at most %s, at %s.", Bytes(most), clock(a.start(at))),
		Grid:    linearGrid(step, top, func(v float64) string { return Bytes(int64(math.Round(v))) }),
		Curves:  []curve{{"lag", stairs(len(bins), func(i int) float64 { return float64(bins[i].lag) }, scale), "most bytes behind"}},
	}
}
