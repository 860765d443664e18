package reports

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A plot is a drawing of medians with their intervals: against a swept setting, or over time. Units of its box are pixels.
type plot struct {
	Title, XLabel, YLabel, Summary string
	XTicks, YTicks                 []plotTick
	Series                         []plotSeries
	Note                           string
}

type plotTick struct {
	At   float64
	Text string
}

type plotSeries struct {
	Class, Name string // s1 to s6: each has a colour, dashes and a shape
	Path        string
	Key         string // path of the shape in the legend
	Points      []plotPoint
}

type plotPoint struct {
	X, Y, Low, High float64
	Title           string
	Mark            string // path of the shape
}

// The box of a plot and what lies around the field in it.
const (
	plotLeft, plotRight, plotTop, plotBottom = 80.0, 620.0, 12.0, 220.0
	mostSeries                               = 6
)

// A series is what a plot is made of: one measure of one kind of run, by place on the x axis.
type series struct {
	name   string
	unit   Unit
	points map[int]Spread // by index of the x axis' value
}

// draw lays series out. xs are the names of the values of the x axis, in order; they are evenly spaced.
func draw(title, xLabel string, xs []string, all []series) plot {
	p := plot{Title: title, XLabel: xLabel, YLabel: "median, with its 95 % interval"}
	all = slices.DeleteFunc(slices.Clone(all), func(s series) bool { return len(s.points) < 2 })
	if left := len(all) - mostSeries; left > 0 {
		p.Note = fmt.Sprintf("%d more series are in bench.txt.", left)
		all = all[:mostSeries]
	}
	most := 0.0
	for _, s := range all {
		for _, spread := range s.points {
			most = max(most, spread.Median)
			if !math.IsInf(spread.Low, 0) {
				most = max(most, finite(spread.High))
			}
		}
	}
	scale, step, top := linear(most)
	for _, line := range linearGrid(step, top, Seconds) {
		p.YTicks = append(p.YTicks, plotTick{round(plotTop + (plotBottom-plotTop)*line.Top/100), line.Text})
	}
	x := func(i int) float64 { return round(plotLeft + (plotRight-plotLeft)*(float64(i)+0.5)/float64(len(xs))) }
	y := func(v float64) float64 { return round(plotBottom - (plotBottom-plotTop)*scale(v)) }
	every := max(1, (len(xs)+7)/8) // more labels than that would overlap
	for i, name := range xs {
		if i%every == 0 {
			p.XTicks = append(p.XTicks, plotTick{x(i), Cut(thousands(name), 14)})
		}
	}
	for n, s := range all {
		p.Series = append(p.Series, drawSeries(n, s, xs, x, y))
	}
	p.Summary = summary(p)
	return p
}

// thousands writes a whole number of a setting as Number does, and leaves other values as they are.
func thousands(value string) string {
	if n, err := strconv.Atoi(value); err == nil {
		return Number(n)
	}
	return value
}

// finite is 0 for the end of an interval that has none, because there are too few runs.
func finite(v float64) float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	return v
}

func drawSeries(n int, s series, xs []string, x func(int) float64, y func(float64) float64) plotSeries {
	drawn := plotSeries{Class: fmt.Sprintf("s%d", n+1), Name: s.name, Key: shape(n, 15, 6)}
	var path strings.Builder
	for i, name := range xs {
		spread, ok := s.points[i]
		if !ok {
			continue
		}
		point := plotPoint{X: x(i), Y: y(spread.Median), Low: y(spread.Median), High: y(spread.Median)}
		if finite(spread.High) > 0 && !math.IsInf(spread.Low, 0) {
			point.Low, point.High = y(max(spread.Low, 0)), y(spread.High)
		}
		point.Mark = shape(n, point.X, point.Y)
		point.Title = fmt.Sprintf("%s, %s: median %s (%s), %s", s.name, line(name), s.unit.Text(spread.Median), spread.Interval(s.unit), count(spread.N, "run"))
		fmt.Fprintf(&path, "%s%s %s", map[bool]string{true: "M", false: "L"}[path.Len() == 0], number(point.X), number(point.Y))
		drawn.Points = append(drawn.Points, point)
	}
	drawn.Path = path.String()
	return drawn
}

// shape is a mark of its own for each series, so that colour is not needed to tell them apart.
func shape(n int, x, y float64) string {
	at := func(dx, dy float64) string { return number(x+dx) + " " + number(y+dy) }
	switch n % 6 {
	case 0: // circle
		return "M" + at(-4, 0) + "a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z"
	case 1: // square
		return "M" + at(-4, -4) + "h8v8h-8Z"
	case 2: // triangle
		return "M" + at(0, -5) + "l5 9h-10Z"
	case 3: // diamond
		return "M" + at(0, -5) + "l5 5l-5 5l-5 -5Z"
	case 4: // triangle downwards
		return "M" + at(0, 5) + "l5 -9h-10Z"
	}
	return "M" + at(-2, -5) + "h4v3h3v4h-3v3h-4v-3h-3v-4h3Z" // cross
}

// summary says what is to be seen, for those who do not see it.
func summary(p plot) string {
	var parts []string
	for _, s := range p.Series {
		if n := len(s.Points); n > 0 {
			parts = append(parts, s.Points[0].Title, s.Points[n-1].Title)
		}
	}
	return Cut(p.Title+". "+strings.Join(parts, ". "), 1500)
}
