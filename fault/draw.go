package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Drawing says from what a plan is drawn.
type Drawing struct {
	Faults  []string      // names in the catalogue; empty: all
	Steps   int           // how many
	Length  time.Duration // the last step begins before it
	Longest time.Duration // that a step lasts
	Apart   bool          // no step begins before the one before it is over
}

// draws is the stream of random numbers that plans are drawn from; it is this package's own, whatever else is seeded alike.
const draws = 0x66_61_75_6c_74 // "fault"

// Draw draws a plan. The same seed, drawing and catalogue give the same plan; what is kept of a run is the plan itself, so it
// can be replayed after the catalogue has grown. It replays the plan, not PostgreSQL's interleaving.
func Draw(seed uint64, d Drawing) (Plan, error) {
	if d.Steps < 1 || d.Length <= 0 || d.Longest <= 0 {
		return Plan{}, errors.New("draw a plan: want at least one step, a length, and a longest time above 0")
	}
	entries, err := drawable(d.Faults)
	if err != nil {
		return Plan{}, err
	}
	random := rand.New(rand.NewPCG(seed, draws))
	var plan Plan
	for i := range d.Steps {
		entry := entries[random.IntN(len(entries))]
		begin := phase(random, d.Length)
		last := phase(random, d.Longest)
		if d.Apart { // each step has its own part of the length and ends in it
			part := d.Length / time.Duration(d.Steps)
			begin = time.Duration(i)*part + phase(random, part/2)
			last = min(last, part/2)
		}
		plan.Steps = append(plan.Steps, Step{At: begin, For: max(last, time.Millisecond), Name: entry.Name, Given: entry.draw(random)})
	}
	slices.SortStableFunc(plan.Steps, func(a, b Step) int { return int(a.At - b.At) })
	if _, err := plan.faults(); err != nil {
		return Plan{}, fmt.Errorf("draw a plan: %w", err)
	}
	return plan, nil
}

func drawable(names []string) ([]Entry, error) {
	if len(names) == 0 {
		return catalogue(), nil
	}
	var entries []Entry
	for _, name := range names {
		entry, err := Find(name)
		if err != nil {
			return nil, fmt.Errorf("draw a plan: %w", err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// phase draws a time below a limit, in whole milliseconds so that it is short to write.
func phase(random *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(random.Int64N(max(1, limit.Milliseconds()))) * time.Millisecond
}

// draw draws a value for every parameter.
func (e Entry) draw(random *rand.Rand) map[string]string {
	given := map[string]string{}
	for _, param := range e.Params {
		if len(param.Draw) > 0 {
			given[param.Name] = param.Draw[random.IntN(len(param.Draw))]
		} else if param.Default != "" {
			given[param.Name] = param.Default
		}
	}
	return given
}
