package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A dimension is something in which groups differ: a setting, or one of the key's own fields.
type dimension struct {
	name  string
	value func(Key) string
	rest  func(Key) Key // the key without it
}

// dimensions are those in which the groups have more than one value: the settings, and where there are repetitions enough
// to be a benchmark also the commit level, the version and the procedure.
func dimensions(groups []Group) []dimension {
	var all []dimension
	for _, name := range settingNames(groups) {
		all = append(all, dimension{
			name, func(k Key) string { return setting(k.Params, name) },
			func(k Key) Key { k.Params = without(k.Params, name); return k },
		})
	}
	if repetitions(groups) >= 3 {
		all = append(all,
			dimension{"commit level", func(k Key) string { return k.Commit }, func(k Key) Key { k.Commit = ""; return k }},
			dimension{"version", func(k Key) string { return k.Version }, func(k Key) Key { k.Version = ""; return k }},
			dimension{"procedure", func(k Key) string { return k.Procedure }, func(k Key) Key { k.Procedure = ""; return k }})
	}
	return slices.DeleteFunc(all, func(d dimension) bool { return len(valuesOf(groups, d)) < 2 })
}

func settingNames(groups []Group) []string {
	var names []string
	for _, g := range groups {
		for _, p := range strings.Fields(g.Params) {
			if name, _, ok := strings.Cut(p, "="); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// setting is the value of a setting in a key's params; one that was not given has its default, which is recorded of some only.
func setting(params, name string) string {
	for _, p := range strings.Fields(params) {
		if key, value, _ := strings.Cut(p, "="); key == name {
			return value
		}
	}
	switch name {
	case "BACKLOG":
		return "0"
	case "CHECKSUMS":
		return "on"
	}
	return "default"
}

// axisName says what a swept setting is, with its unit.
func axisName(dimension string) string {
	switch dimension {
	case "ROWS":
		return "ROWS (preloaded, about 100 bytes each)"
	case "RATE":
		return "RATE (writes a second)"
	case "CLIENTS":
		return "CLIENTS (connections)"
	case "BACKLOG":
		return "BACKLOG (MB of WAL not replayed at the fault)"
	case "CHECKSUMS":
		return "CHECKSUMS (off: wal_log_hints alone)"
	}
	return dimension
}

func without(params, name string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(params), func(p string) bool { return strings.HasPrefix(p, name+"=") }), " ")
}

// valuesOf are a dimension's values, numbers by size, others as they come; a default is first.
func valuesOf(groups []Group, d dimension) []string {
	values := distinct(groups, func(g Group) string { return d.value(g.Key) })
	slices.SortStableFunc(values, func(a, b string) int {
		x, err1 := strconv.ParseFloat(a, 64)
		y, err2 := strconv.ParseFloat(b, 64)
		switch {
		case err1 == nil && err2 == nil:
			return cmp.Compare(x, y)
		case err1 == nil:
			return 1
		case err2 == nil:
			return -1
		}
		return 0
	})
	return values
}

// A sweep is what a page shows of a dimension.
type sweep struct {
	Title, Sentence string
	Plots           []plot
}

// sweeps are the dimensions in which something was measured at two values at least.
func sweeps(groups []Group) []sweep {
	var all []sweep
	for _, d := range dimensions(groups) {
		xs := valuesOf(groups, d)
		s := sweep{Title: d.name, Sentence: crossing(groups, d, xs)}
		for _, kind := range []struct {
			title string
			units []Unit
		}{{"outage", []Unit{RTO}}, {"rewind and rebuild", []Unit{Rewind, Rebuild}}, {"way back", []Unit{Rejoin}}, {"time at risk", []Unit{AtRisk}}} {
			p := draw(kind.title+" by "+d.name, axisName(d.name), xs, collect(groups, d, xs, kind.units))
			if len(p.Series) > 0 {
				s.Plots = append(s.Plots, p)
			}
		}
		if len(s.Plots) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// collect makes a series of each measure and of each kind of run that differs in the dimension only.
func collect(groups []Group, d dimension, xs []string, units []Unit) []series {
	var all []series
	for _, unit := range units {
		at := map[Key]int{}
		for _, g := range groups {
			spread, ok := SpreadOf(g.Measured(unit))
			if !ok {
				continue
			}
			rest := d.rest(g.Key)
			i, known := at[rest]
			if !known {
				i = len(all)
				at[rest] = i
				all = append(all, series{title(unit) + ", " + restLabel(rest), unit, map[int]Spread{}})
			}
			all[i].points[slices.Index(xs, d.value(g.Key))] = spread
		}
	}
	return all
}

// restLabel is a key's label in a legend.
func restLabel(k Key) string {
	if k.Version != "" {
		return k.label()
	}
	return strings.ReplaceAll(k.label(), "PostgreSQL ", "")
}

// crossing says at which values of a dimension a rebuild was faster than a rewind, where that is more than noise: the question
// is from what size of the database on a rewind is worth it. Empty if both were not measured.
func crossing(groups []Group, d dimension, xs []string) string {
	var parts []string
	rebuildWins, rewindWins := 0, 0
	for _, x := range xs {
		var rewinds, rebuilds []float64
		for _, g := range groups {
			if d.value(g.Key) == x {
				rewinds, rebuilds = append(rewinds, g.Measured(Rewind)...), append(rebuilds, g.Measured(Rebuild)...)
			}
		}
		if len(rewinds) == 0 || len(rebuilds) == 0 {
			continue
		}
		rewind, rebuild := median(rewinds), median(rebuilds)
		word := "neither is faster by more than noise"
		p, enough := test(rewinds, rebuilds)
		switch real := enough && p < alpha; {
		case real && rebuild < rewind:
			word = "a rebuild is faster"
			rebuildWins++
		case real:
			word = "a rewind is faster"
			rewindWins++
		}
		parts = append(parts, fmt.Sprintf("at %s %s (rewind %s, rebuild %s)", line(thousands(x)), word, Seconds(rewind), Seconds(rebuild)))
	}
	switch {
	case len(parts) == 0:
		return ""
	case rebuildWins+rewindWins < len(parts):
	case rebuildWins == 0:
		return "By the medians a rebuild never wins: " + strings.Join(parts, "; ") + "."
	case rewindWins == 0:
		return "By the medians a rebuild always wins: " + strings.Join(parts, "; ") + "."
	}
	return "By the medians: " + strings.Join(parts, "; ") + "."
}
