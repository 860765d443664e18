package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// A state is what a node was, as sampled. What it was between two samples is not known; it is drawn as the earlier one.
type state struct {
	role     string // primary, standby, read-only, down or silent
	timeline uint32
}

func stateOf(s *history.Sample) state {
	switch {
	case !s.Up && s.Err == history.NoAnswer:
		return state{role: silent}
	case !s.Up:
		return state{role: "down"}
	case s.Writable:
		return state{"primary", uint32(s.Timeline)}
	case s.InRecovery:
		return state{"standby", uint32(s.Timeline)}
	}
	return state{"read-only", uint32(s.Timeline)}
}

// silent is the role of a node that has not answered yet.
const silent = "silent"

// A stretch is how long a node kept its state.
type stretch struct {
	state
	from, to time.Duration
}

// unseen is how long after a sample its state is still drawn if no other comes: probes come every 50 ms or faster, so after
// this nobody looked.
const unseen = 500 * time.Millisecond

// stretches are what a node was over the run, in order; gaps in which nobody looked are left out.
func stretches(run *history.Run) (nodes []string, of map[string][]stretch) {
	of = map[string][]stretch{}
	for _, n := range run.Nodes {
		nodes = append(nodes, n.Name)
	}
	last := map[string]time.Duration{}
	for i := range run.Samples {
		s := &run.Samples[i]
		if !slices.Contains(nodes, s.Node) {
			nodes = append(nodes, s.Node)
		}
		of[s.Node] = extend(of[s.Node], stateOf(s), s.At, last[s.Node])
		last[s.Node] = s.At
	}
	for node := range of {
		of[node] = bridge(of[node])
	}
	return nodes, of
}

// bridge takes a short silence out between two stretches of the same state: the node was slow, as all are on a busy machine.
// One that lasts, or after which the node is something else, is drawn.
func bridge(all []stretch) []stretch {
	var kept []stretch
	for _, s := range all {
		n := len(kept)
		if n >= 2 && kept[n-1].role == silent && kept[n-1].to-kept[n-1].from <= unseen && kept[n-2].state == s.state &&
			kept[n-2].to == kept[n-1].from && kept[n-1].to == s.from {
			kept = kept[:n-1]
			kept[n-2].to = s.to
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

func extend(all []stretch, now state, at, before time.Duration) []stretch {
	n := len(all)
	if n == 0 || at-before > unseen {
		return append(all, stretch{now, at, at})
	}
	all[n-1].to = at
	if all[n-1].state != now {
		all = append(all, stretch{now, at, at})
	}
	return all
}

// merge gives stretches that are too short to be seen to the one before them, so that a flapping node does not make a page
// of megabytes; merged is how many went that way.
func merge(all []stretch, shortest time.Duration, most int) (kept []stretch, merged int) {
	if len(all) <= most {
		return all, 0
	}
	for _, s := range all {
		n := len(kept)
		if n > 0 && s.from-kept[n-1].to <= unseen && (s.to-s.from < shortest || kept[n-1].state == s.state) {
			kept[n-1].to = s.to
			merged++
			continue
		}
		kept = append(kept, s)
	}
	return kept, merged
}

func (s state) String() string {
	switch {
	case s.role == silent:
		return "no answer"
	case s.timeline == 0:
		return s.role
	}
	return fmt.Sprintf("%s · TL %d", s.role, s.timeline)
}
