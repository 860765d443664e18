package reports

import (
	"maps"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Key is what runs of one group have in common: they differ in their repetition only.
type Key struct {
	Scenario, Procedure, Version, Commit string
	Params                               string // settings that were given and change what is measured: "RATE=800 ROWS=100000"
}

// Group is a scenario under one procedure, version and commit level, with its repetitions.
type Group struct {
	Key
	Runs []Entry
}

// Groups puts entries together by key, in the order in which the keys first come.
func Groups(entries []Entry) []Group {
	var groups []Group
	at := map[Key]int{}
	for _, e := range entries {
		key := keyOf(e)
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, Group{Key: key})
		}
		groups[i].Runs = append(groups[i].Runs, e)
	}
	return groups
}

func keyOf(e Entry) Key {
	return Key{e.Scenario, e.Procedure, e.Version, e.Commit, params(e.Settings)}
}

// params are the settings in a key: not those that choose what is played, where the results go, or what is in the key anyway.
func params(settings map[string]string) string {
	beside := []string{"SCENARIO", "COMMIT", "VERSION", "IMAGE", "RUNS", "SEED", "KEEP", "OUT", "MIN_BEFORE", "PROCEDURE"}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !slices.Contains(beside, name) {
			words = append(words, name+"="+settings[name])
		}
	}
	return strings.Join(words, " ")
}

// Status is the worst of the group's runs.
func (g Group) Status() history.Status { return overall(g.Runs) }

// Passed is how many of the runs passed.
func (g Group) Passed() int {
	n := 0
	for _, e := range g.Runs {
		if e.Status == history.Pass {
			n++
		}
	}
	return n
}

// Values are what was measured in the runs, of those that have the unit, in their order.
func (g Group) Values(unit Unit) []float64 {
	var values []float64
	for _, e := range g.Runs {
		if v, ok := e.Measures[unit]; ok {
			values = append(values, v)
		}
	}
	return values
}

// Acknowledged is the number of acknowledged writes in all runs.
func (g Group) Acknowledged() int {
	n := 0
	for _, e := range g.Runs {
		n += e.Phases.Loss.Acknowledged
	}
	return n
}

// sum of all values.
func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// median of values, which must not be empty.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// distinct are the different values of a field among groups, in their order.
func distinct(groups []Group, field func(Group) string) []string {
	var seen []string
	for _, g := range groups {
		if v := field(g); !slices.Contains(seen, v) {
			seen = append(seen, v)
		}
	}
	return seen
}

// label is how the key is written where one line must say it all.
func (k Key) label() string {
	parts := []string{k.Scenario, k.Commit, k.Procedure, "PostgreSQL " + k.Version, k.Params}
	for i := range parts {
		parts[i] = line(parts[i])
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}
