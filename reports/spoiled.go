package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// spoiled is how keys of Manifest.Machine begin whose values say what spoils a measurement.
const spoiled = "spoiled: "

// Spoiled are the conditions that spoil the measurements of a run: load on the machine, swapping, clock steps, ...
func Spoiled(e Entry) []string {
	var why []string
	for _, k := range slices.Sorted(maps.Keys(e.Machine)) {
		if strings.HasPrefix(k, spoiled) {
			why = append(why, strings.TrimPrefix(k, spoiled)+": "+e.Machine[k])
		}
	}
	return why
}

// A condition is something that spoiled the measurements of some runs.
type condition struct {
	Name string // load, cpu, clock, ...
	Text string // how many runs, and of the first of them what it was; follows the name in a sentence
}

// conditionsOf puts what spoiled runs together, so that a busy machine is one line and not one a run.
func conditionsOf(entries []Entry) []condition {
	var names []string
	concerned := map[string][]Entry{}
	for _, e := range entries {
		for _, k := range slices.Sorted(maps.Keys(e.Machine)) {
			if name, is := strings.CutPrefix(k, spoiled); is {
				if concerned[name] == nil {
					names = append(names, name)
				}
				concerned[name] = append(concerned[name], e)
			}
		}
	}
	var all []condition
	for _, name := range names {
		first := concerned[name][0]
		text := fmt.Sprintf(" in %d of %s; %s: %s", len(concerned[name]), count(len(entries), "run"), line(first.title()), line(first.Machine[spoiled+name]))
		all = append(all, condition{line(name), text})
	}
	return all
}
