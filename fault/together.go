package fault

import (
	"math/rand/v2"
	"slices"
)

// Footprint is what a fault does to others. The words are the fault's own targets ("primary", "pg1").
type Footprint struct {
	Needs []string // PostgreSQL must run there for the fault to be injected, seen and taken back
	Takes []string // PostgreSQL does not run there, or does not answer, while the fault is in effect
	Holds []string // what only one fault can have at a time: "link primary standby", "clock pg1"
}

// Sided is what a fault implements that does not get along with every other.
type Sided interface{ Footprint() Footprint }

// Together says whether two faults make sense at the same time: neither takes away the PostgreSQL that the other needs, and
// they do not want the same thing for themselves. Two that take PostgreSQL away in different places make sense.
func Together(a, b Fault) bool {
	one, other := footprint(a), footprint(b)
	return disjoint(one.Takes, other.Needs) && disjoint(other.Takes, one.Needs) &&
		disjoint(one.Takes, other.Takes) && disjoint(one.Holds, other.Holds)
}

func footprint(f Fault) Footprint {
	if sided, ok := f.(Sided); ok {
		return sided.Footprint()
	}
	return Footprint{}
}

func disjoint(a, b []string) bool {
	return !slices.ContainsFunc(a, func(word string) bool { return slices.Contains(b, word) })
}

// Pair is two faults that make sense together.
type Pair struct{ A, B Fault }

// String names both.
func (p Pair) String() string { return p.A.String() + " and " + p.B.String() }

// Fault is both at the same time: roles are resolved before either is injected.
func (p Pair) Fault() Fault { return Parallel{[]Fault{p.A, p.B}} }

// Pairs draws different pairs of faults of the catalogue that make sense together, until there are n or all have been drawn: first one
// of each two entries, then others with other parameters, so that an entry with many parameters does not crowd the rest out. The same seed
// gives the same pairs.
func Pairs(seed uint64, n int) ([]Pair, error) {
	drawn, err := drawPairs(seed)
	var pairs []Pair
	for _, one := range drawn[:min(n, len(drawn))] {
		pairs = append(pairs, one.Pair)
	}
	return pairs, err
}

// drawn is a pair with the names of its entries.
type drawn struct {
	Pair
	entries string
}

// drawPairs is all that make sense, in the order in which they are tried.
func drawPairs(seed uint64) ([]drawn, error) {
	all, err := variants()
	if err != nil {
		return nil, err
	}
	var pairs []drawn
	for i, a := range all {
		for _, b := range all[i+1:] {
			if Together(a.Fault, b.Fault) {
				pairs = append(pairs, drawn{Pair{a.Fault, b.Fault}, a.entry + " " + b.entry})
			}
		}
	}
	random := rand.New(rand.NewPCG(seed, draws))
	random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	var firsts, others []drawn
	seen := map[string]bool{}
	for _, pair := range pairs {
		if seen[pair.entries] {
			others = append(others, pair)
		} else {
			firsts = append(firsts, pair)
		}
		seen[pair.entries] = true
	}
	return slices.Concat(firsts, others), nil
}

// variant is a fault with some of the values that its parameters are drawn from.
type variant struct {
	Fault
	entry string
}

// variants is every fault of the catalogue with every value that its parameters are drawn from.
func variants() ([]variant, error) {
	var all []variant
	for _, entry := range catalogue() {
		givens := []map[string]string{{}}
		for _, param := range entry.Params {
			givens = spread(givens, param)
		}
		for _, given := range givens {
			f, err := entry.Build(given)
			if err != nil {
				return nil, err
			}
			all = append(all, variant{f, entry.Name})
		}
	}
	return all, nil
}

// spread gives each of the parameter's values to a copy of each of the maps.
func spread(givens []map[string]string, param Param) []map[string]string {
	words := param.Draw
	if len(words) == 0 {
		words = []string{param.Default}
	}
	var wider []map[string]string
	for _, given := range givens {
		for _, word := range words {
			one := map[string]string{param.Name: word}
			for name, value := range given {
				one[name] = value
			}
			wider = append(wider, one)
		}
	}
	return wider
}

// Footprint of a cut: it needs no PostgreSQL, and has its link for itself. To cut a node from its clients is to take its
// PostgreSQL from the harness too.
func (f Cut) Footprint() Footprint {
	return linkFootprint(pairUp(f.From, f.To, f.OneWay), true)
}

// Footprint of a grudge is that of its links.
func (f Grudge) Footprint() Footprint { return linkFootprint(f.Links, true) }

// linkFootprint holds every link; cut says that what the harness asks over them gets no answer.
func linkFootprint(links []Link, cut bool) Footprint {
	var print Footprint
	for _, l := range links {
		for _, from := range spelled(l.From) {
			for _, to := range spelled(l.To) {
				print.Holds = append(print.Holds, "link "+from+" "+to)
			}
		}
		for _, ends := range [][2]Target{{l.From, l.To}, {l.To, l.From}} {
			if ends[0].outside() && !ends[1].outside() {
				print.Holds = append(print.Holds, "outside of "+ends[1].String())
				if cut {
					print.Takes = append(print.Takes, ends[1].String())
				}
			}
		}
	}
	slices.Sort(print.Takes)
	print.Takes = slices.Compact(print.Takes)
	slices.Sort(print.Holds)
	print.Holds = slices.Compact(print.Holds)
	return print
}

// spelled is an end of a link with what All means written out.
func spelled(t Target) []string {
	if t == All() {
		return []string{wordAll, wordPrimary, wordStandby, wordClients}
	}
	return []string{t.String()}
}

// Footprint of a kill: it needs its victim, and takes PostgreSQL away with it: of a single process for a moment, in which
// all of PostgreSQL restarts.
func (f KillFault) Footprint() Footprint {
	return Footprint{Takes: []string{f.Target.String()}, Holds: []string{"processes of " + f.Target.String()}}
}
