package txn

import "time"

// Examples is how many findings of one name are kept whole; the others are counted.
const Examples = 20

// Finding is one anomaly with its evidence.
type Finding struct {
	Anomaly Anomaly
	Error   bool   // forbidden by the level that its transactions ran at
	Why     string // in words
	Steps   []Step // of a cycle: each transaction with its edge to the next one, the last back to the first
	Omitted int    // steps of a longer cycle that are not shown
	Ops     []int  // the operations that take part, as indexes in the run
	At      time.Duration
}

// Step is one edge of a cycle.
type Step struct {
	From, To int // operations, as indexes in the run
	Kind     string
	Reason   string // in words
	SQL      string // of the statement in From that the reason speaks of
}

// Group is all findings of one name.
type Group struct {
	Anomaly  Anomaly
	Total    int
	Errors   int
	Examples []Finding // errors first
}

// findings collects by name and keeps few of each.
type findings struct {
	groups map[Anomaly]*Group
	order  []Anomaly
	kept   map[Anomaly][2]int // examples kept: not errors, errors
}

// add counts a finding, and keeps what build makes of it if there is room.
func (f *findings) add(name Anomaly, isError bool, build func() Finding) {
	g := f.groups[name]
	if g == nil {
		g = &Group{Anomaly: name}
		f.groups[name] = g
		f.order = append(f.order, name)
	}
	g.Total++
	side := 0
	if isError {
		g.Errors++
		side = 1
	}
	kept := f.kept[name]
	if kept[side] >= Examples {
		return
	}
	kept[side]++
	f.kept[name] = kept
	found := build()
	found.Anomaly, found.Error = name, isError
	if side == 0 {
		g.Examples = append(g.Examples, found)
		return
	}
	at := kept[1] - 1
	g.Examples = append(g.Examples, Finding{})
	copy(g.Examples[at+1:], g.Examples[at:])
	g.Examples[at] = found
}
