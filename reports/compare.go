package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"
)

// alpha is how often two measurements of the same thing may be called different. It is stricter than the usual 5 %, because
// a report compares many measures at once.
const alpha = 0.01

// A Comparison is what became of one measure between an old and a new report.
type Comparison struct {
	Key      Key
	Unit     Unit
	Old, New Spread
	P        float64 // how likely such a difference would be if nothing had changed (Mann-Whitney U test)
	Enough   bool    // there are enough runs for any difference to be told from noise
}

// Real says whether the difference is more than noise.
func (c Comparison) Real() bool { return c.Enough && c.P < alpha && c.Old.Median != c.New.Median }

// Worse says whether the new measure is worse by more than noise. Of all measures less is better.
func (c Comparison) Worse() bool { return c.Real() && c.New.Median > c.Old.Median }

// Comparisons are all that can be compared between two reports, and what is only in one of them.
type Comparisons struct {
	All     []Comparison
	Passes  []string // groups of which fewer runs pass now: always a regression
	OnlyOld []Key
	OnlyNew []Key
}

// Regression says whether anything became worse by more than noise, or passes less often.
func (c Comparisons) Regression() bool {
	return len(c.Passes) > 0 || slices.ContainsFunc(c.All, Comparison.Worse)
}

// Compare compares two reports group by group. PostgreSQL's minor version may differ.
func Compare(old, now Report) Comparisons {
	before, after := Groups(minorless(old.Runs)), Groups(minorless(now.Runs))
	var c Comparisons
	for _, b := range before {
		i := slices.IndexFunc(after, func(g Group) bool { return g.Key == b.Key })
		if i < 0 {
			c.OnlyOld = append(c.OnlyOld, b.Key)
			continue
		}
		c.All = append(c.All, compareGroup(b, after[i])...)
		if text := fewer(b, after[i]); text != "" {
			c.Passes = append(c.Passes, text)
		}
	}
	for _, a := range after {
		if !slices.ContainsFunc(before, func(g Group) bool { return g.Key == a.Key }) {
			c.OnlyNew = append(c.OnlyNew, a.Key)
		}
	}
	return c
}

// minorless are copies of entries with the major version in place of the version.
func minorless(entries []Entry) []Entry {
	all := slices.Clone(entries)
	for i := range all {
		all[i].Version = major(all[i].Version)
	}
	return all
}

func compareGroup(before, after Group) []Comparison {
	var all []Comparison
	for _, m := range Measures() {
		old, oldOK := SpreadOf(before.Measured(m.Unit))
		now, newOK := SpreadOf(after.Measured(m.Unit))
		if !oldOK || !newOK || m.Part {
			continue
		}
		p, enough := test(before.Measured(m.Unit), after.Measured(m.Unit))
		all = append(all, Comparison{before.Key, m.Unit, old, now, p, enough})
	}
	return all
}

// Measured are the values of a unit in runs that prove something.
func (g Group) Measured(unit Unit) []float64 {
	useful := Group{Key: g.Key, Runs: slices.DeleteFunc(slices.Clone(g.Runs), func(e Entry) bool { return useless(e) != "" })}
	return useful.Values(unit)
}

// test is the U test, exact for small samples. enough is whether even a complete separation of the two could be significant.
func test(old, now []float64) (p float64, enough bool) {
	thresholds := &benchmath.Thresholds{CompareAlpha: alpha}
	result := benchmath.AssumeNothing.Compare(benchmath.NewSample(slices.Clone(old), thresholds), benchmath.NewSample(slices.Clone(now), thresholds))
	return result.P, 2/choose(len(old)+len(now), len(old)) < alpha
}

// choose is the number of ways to take k of n.
func choose(n, k int) float64 {
	ways := 1.0
	for i := range k {
		ways *= float64(n-i) / float64(i+1)
	}
	return ways
}

// fewer says that a group passes less often than before; empty if it does not. With repetitions the shares are compared, but
// a group that always passed and now does not is worse however many runs there are.
func fewer(before, after Group) string {
	old, now := float64(before.Passed())/float64(played(before)), float64(after.Passed())/float64(played(after))
	if played(before) == 0 || played(after) == 0 || now >= old {
		return ""
	}
	return fmt.Sprintf("%s: %d of %d runs pass, before %d of %d", before.label(), after.Passed(), played(after), before.Passed(), played(before))
}

func played(g Group) int {
	n := 0
	for _, e := range g.Runs {
		if e.Status != Skipped {
			n++
		}
	}
	return n
}

// String says in words what became worse, what became better, what stayed, and what cannot be said.
func (c Comparisons) String() string {
	var b strings.Builder
	for _, text := range c.Passes {
		fmt.Fprintf(&b, "PASSES LESS OFTEN  %s\n", text)
	}
	var same, few int
	for _, one := range c.ordered() {
		switch {
		case one.Real():
			fmt.Fprintf(&b, "%s\n", one)
		case one.Enough:
			same++
		default:
			few++
		}
	}
	if c.Regression() {
		fmt.Fprintf(&b, "That is a regression.\n")
	}
	if same > 0 {
		fmt.Fprintf(&b, "%s: no difference that is more than noise (p < %g).\n", count(same, "measure"), alpha)
	}
	if few > 0 {
		fmt.Fprintf(&b, "%s: too few runs to tell a difference from noise; five on each side are the least.\n", count(few, "measure"))
	}
	for _, k := range c.OnlyOld {
		fmt.Fprintf(&b, "only in the old report: %s\n", k.label())
	}
	for _, k := range c.OnlyNew {
		fmt.Fprintf(&b, "only in the new report: %s\n", k.label())
	}
	if len(c.All) == 0 {
		b.WriteString("Nothing can be compared: no scenario, procedure, version, settings and commit level is in both.\n")
	}
	return b.String()
}

// ordered puts what became worse first.
func (c Comparisons) ordered() []Comparison {
	all := slices.Clone(c.All)
	rank := func(x Comparison) int {
		if x.Worse() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(x, y Comparison) int { return rank(x) - rank(y) })
	return all
}

// String is one comparison in words.
func (c Comparison) String() string {
	word, verb := "BETTER", "became shorter"
	if c.Worse() {
		word, verb = "WORSE", "became longer"
	}
	if !strings.HasPrefix(string(c.Unit), "s/") {
		verb = strings.NewReplacer("shorter", "less", "longer", "more").Replace(verb)
	}
	text := fmt.Sprintf("%-6s %s: %s %s, from %s to %s", word, c.Key.label(), title(c.Unit), verb, c.Unit.Text(c.Old.Median), c.Unit.Text(c.New.Median))
	if c.Old.Median != 0 {
		text += fmt.Sprintf(" (%+.1f %%)", 100*(c.New.Median-c.Old.Median)/math.Abs(c.Old.Median))
	}
	return text + fmt.Sprintf("; more than noise (p=%.2g, %d and %d runs)", c.P, c.Old.N, c.New.N)
}

func title(unit Unit) string {
	for _, m := range Measures() {
		if m.Unit == unit {
			return m.Title
		}
	}
	return string(unit)
}
