package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// blindness is the longest time of the load without a probe of a node after which nothing can be said of it.
const blindness = 2 * time.Second

// stretch is a time in which one node was certainly writable.
type stretch struct {
	node     string
	timeline pg.Timeline
	history.Window
}

// writableStretches are the times between two probes of one node that both found it writable, on one timeline, without
// a probe between them that did not: from the moment the first answer came to the moment the second question was sent.
// A node does not become a standby and a primary again in between. A single probe counts for its own time.
func writableStretches(samples []history.Sample) []stretch {
	var found []stretch
	open := make(map[string]int) // node -> index of its open stretch
	for _, sample := range samples {
		asked := sample.At - sample.Took
		i, continues := open[sample.Node]
		switch {
		case !sample.Up || !sample.Writable:
			delete(open, sample.Node)
		case continues && found[i].timeline == sample.Timeline:
			found[i].To = max(found[i].To, asked)
		default:
			open[sample.Node] = len(found)
			found = append(found, stretch{sample.Node, sample.Timeline, history.Window{From: sample.At, To: sample.At}})
		}
	}
	return found
}

// overlap is a time in which two nodes were certainly writable.
type overlap struct {
	a, b string
	history.Window
}

func overlaps(samples []history.Sample) []overlap {
	stretches := writableStretches(samples)
	var found []overlap
	for i, a := range stretches {
		for _, b := range stretches[i+1:] {
			both := history.Window{From: max(a.From, b.From), To: min(a.To, b.To)}
			if a.node != b.node && both.From < both.To {
				found = append(found, overlap{a.node, b.node, both})
			}
		}
	}
	return append(found, moments(samples, stretches)...)
}

// moments are the single probes that found a node writable wholly within a time in which another certainly was.
func moments(samples []history.Sample, stretches []stretch) []overlap {
	var found []overlap
	for _, sample := range samples {
		if !sample.Up || !sample.Writable {
			continue
		}
		for _, s := range stretches {
			if s.node != sample.Node && s.From <= sample.At-sample.Took && sample.At <= s.To {
				found = append(found, overlap{s.node, sample.Node, history.Window{From: sample.At, To: sample.At}})
			}
		}
	}
	return found
}

// total is how long any of the overlaps lasted.
func total(found []overlap) time.Duration {
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b overlap) int { return cmp.Compare(a.From, b.From) })
	var sum, reached time.Duration
	for _, o := range found {
		from := max(o.From, reached)
		if o.To > from {
			sum += o.To - from
			reached = o.To
		}
	}
	return sum
}

// unseen is a node of the run that was not probed for too long while clients worked, and since when.
func unseen(run *history.Run, samples []history.Sample) (node string, since time.Duration, found bool) {
	load := run.LoadWindow()
	for _, info := range run.Nodes {
		last := load.From
		for _, sample := range samples {
			if sample.Node != info.Name {
				continue
			}
			if asked := min(sample.At-sample.Took, load.To); asked-last > blindness {
				return info.Name, last, true
			}
			last = max(last, sample.At)
		}
		if load.To-last > blindness || last == load.From {
			return info.Name, last, true
		}
	}
	return "", 0, false
}

// mute is a node that never answered a probe; "" if each did at least once. Of such a node nothing is known: perhaps only
// the probes did not reach it.
func mute(run *history.Run) string {
	answered := make(map[string]bool)
	for _, sample := range run.Samples {
		answered[sample.Node] = answered[sample.Node] || sample.Up
	}
	for _, info := range run.Nodes {
		if !answered[info.Name] {
			return info.Name
		}
	}
	return ""
}
