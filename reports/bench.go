package reports

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"
)

// BenchFile has the measurements as Go benchmark lines, which benchstat reads.
const BenchFile = "bench.txt"

// Bench is bench.txt: a line a run, units declared, in the format of golang.org/design/14313-benchmark-format. The name has
// what a comparison must keep apart (scenario, procedure, major version, settings, commit level). What may differ between an
// old and a new measurement (minor version, image, machine) is in comments: as configuration it would keep benchstat from
// comparing. Runs that prove nothing are left out, and named in comments.
func Bench(report Report) ([]byte, error) {
	var out bytes.Buffer
	writer := benchfmt.NewWriter(&out)
	for _, m := range Measures() {
		for _, meta := range [][2]string{{"better", "lower"}, {"assume", "nothing"}} {
			unit := &benchfmt.UnitMetadata{UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: string(m.Unit), Key: meta[0]}, OrigUnit: string(m.Unit), Value: meta[1]}
			if err := writer.Write(unit); err != nil {
				return nil, fmt.Errorf("bench: %w", err)
			}
		}
	}
	for _, text := range where(report) {
		fmt.Fprintf(&out, "# %s\n", line(text))
	}
	if pairs := pairsOf(Groups(report.Runs)); pairs != "" {
		fmt.Fprintf(&out, "# %s\n", pairs)
	}
	for _, e := range report.Runs {
		if why := useless(e); why != "" {
			fmt.Fprintf(&out, "# left out: %s: %s\n", line(e.title()), line(why))
			continue
		}
		for _, why := range Spoiled(e) {
			fmt.Fprintf(&out, "# spoiled: %s: %s\n", line(e.title()), line(why))
		}
		if err := writer.Write(benchResult(e)); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	return out.Bytes(), nil
}

// where says on what the runs were measured, each combination once.
func where(report Report) []string {
	var seen []string
	for _, e := range report.Runs {
		text := fmt.Sprintf("PostgreSQL %s, image %s, kernel %s, %s CPUs", e.Version, e.Image, e.Machine["kernel"], e.Machine["cpus"])
		if !slices.Contains(seen, text) {
			seen = append(seen, text)
		}
	}
	return seen
}

// useless says why a run measures nothing; empty if it does.
func useless(e Entry) string {
	switch {
	case e.Status == Skipped:
		return "not played: " + e.Skipped
	case e.Error != "":
		return "the story broke off: " + e.Error
	case !e.Began.IsZero() && e.Ended.IsZero():
		return "it was interrupted: it has no end"
	case e.Dirty:
		return "a fault could not be taken back"
	}
	return ""
}

func benchResult(e Entry) *benchfmt.Result {
	r := &benchfmt.Result{Name: benchfmt.Name(benchName(keyOf(e))), Iters: 1}
	for _, m := range Measures() {
		if v, ok := e.Measures[m.Unit]; ok {
			r.Values = append(r.Values, benchfmt.Value{Value: v, Unit: string(m.Unit)})
		}
	}
	return r
}

// benchName is the benchmark's name without its prefix, with sub-names as benchstat takes them apart: Failover/scenario=x/...
func benchName(k Key) string {
	parts := []string{"Failover", "scenario=" + word(k.Scenario), "procedure=" + word(k.Procedure), "pg=" + word(major(k.Version))}
	for _, p := range strings.Fields(k.Params) {
		name, value, _ := strings.Cut(p, "=")
		parts = append(parts, strings.ToLower(word(name))+"="+word(value))
	}
	return strings.Join(append(parts, "commit="+word(k.Commit)), "/")
}

// major is the major version: 17 of 17.11.
func major(version string) string {
	text, _, _ := strings.Cut(version, ".")
	return text
}

// word makes one word of a benchmark's name of any text.
func word(text string) string {
	if text == "" {
		return "none"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '/' || r == '=' || r == '"' || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, Cut(text, 80))
}
