package check

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// piece is a part of the record that can get lost, and the checkers that can no longer say pass without it.
type piece struct {
	needs []string
	take  func(run *history.Run)
}

func pieces() map[string]piece {
	final := func(change func(node *history.NodeState)) func(*history.Run) {
		return func(run *history.Run) { both(run, change) }
	}
	finals := []string{
		"story", "durability", "one-writable", "timelines", "rejoined", "contents", "slots", "prepared", "identity",
		"checksums", "amcheck", "archive", "logs",
	}
	return map[string]piece{
		"operations": {[]string{"operations", "durability", "outcomes", "outage"}, func(run *history.Run) { run.Ops = nil }},
		"acknowledgements": {[]string{"operations", "durability", "outage"}, func(run *history.Run) {
			run.Ops = slices.DeleteFunc(run.Ops, func(op history.Op) bool { return op.Outcome == history.OK })
		}},
		"faults": {[]string{"faults"}, func(run *history.Run) {
			run.Spans = slices.DeleteFunc(run.Spans, func(s history.Span) bool { return s.Name == history.SpanFault })
		}},
		"all spans":    {[]string{"faults"}, func(run *history.Run) { run.Spans = nil }},
		"samples":      {[]string{"one-writable"}, func(run *history.Run) { run.Samples = nil }},
		"final":        {finals, func(run *history.Run) { run.Final = nil }},
		"one node":     {[]string{"story", "rejoined", "contents"}, func(run *history.Run) { run.Final = run.Final[:min(1, len(run.Final))] }},
		"the other":    {finals[:len(finals)-1], func(run *history.Run) { run.Final = run.Final[min(1, len(run.Final)):] }},
		"tokens":       {[]string{"durability"}, final(func(n *history.NodeState) { n.Tokens = nil })},
		"markers":      {[]string{"rejoined"}, final(func(n *history.NodeState) { n.Marker = "" })},
		"tables":       {[]string{"contents"}, final(func(n *history.NodeState) { n.Tables = nil })},
		"schema":       {[]string{"contents"}, final(func(n *history.NodeState) { n.Schema = "" })},
		"roles":        {[]string{"contents"}, final(func(n *history.NodeState) { n.Roles = nil })},
		"wants":        {[]string{"identity"}, final(func(n *history.NodeState) { n.Want = nil })},
		"settings":     {[]string{"identity"}, final(func(n *history.NodeState) { n.Settings = nil })},
		"system":       {[]string{"identity"}, final(func(n *history.NodeState) { n.System = "" })},
		"histories":    {[]string{"timelines"}, final(func(n *history.NodeState) { n.Histories = nil })},
		"archiver":     {[]string{"archive"}, final(func(n *history.NodeState) { n.Archiver = nil })},
		"checksums":    {[]string{"checksums"}, final(func(n *history.NodeState) { n.Checksums = nil })},
		"amcheck":      {[]string{"amcheck"}, final(func(n *history.NodeState) { n.Amcheck = nil })},
		"logs":         {[]string{"logs"}, final(func(n *history.NodeState) { n.LogLines = 0 })},
		"slots":        {[]string{"slots"}, final(func(n *history.NodeState) { n.Slots = nil })},
		"peers":        {[]string{"rejoined"}, final(func(n *history.NodeState) { n.Streaming = nil })},
		"receivers":    {[]string{"rejoined", "slots"}, final(func(n *history.NodeState) { n.Receiver = nil })},
		"whole record": {append([]string{"operations", "outage"}, finals...), func(run *history.Run) { *run = history.Run{Manifest: run.Manifest} }},
	}
}

// unbroken judges, and does not take a checker that panicked for one that says unknown.
func unbroken(t *testing.T, run *history.Run) []history.Verdict {
	t.Helper()
	verdicts := Judge(run, All())
	for _, v := range verdicts {
		if strings.Contains(v.Sentence, "The checker itself broke") {
			t.Errorf("%s: %s", v.Checker, v.Sentence)
		}
	}
	return verdicts
}

// Whatever is taken from a good run, a checker that needs it says pass no more, and none breaks.
func FuzzLessIsNeverMorePass(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed)
	}
	all := pieces()
	names := slices.Sorted(maps.Keys(all))
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1))
		run := handmade.KillAsync()
		needed := make(map[string]string)
		for range 1 + random.IntN(3) {
			name := names[random.IntN(len(names))]
			all[name].take(run)
			for _, checker := range all[name].needs {
				needed[checker] = name
			}
		}
		for _, v := range unbroken(t, run) {
			if name, ok := needed[v.Checker]; ok && v.Status == history.Pass {
				t.Errorf("without %q %s says pass: %s", name, v.Checker, v.Sentence)
			}
		}
	})
}

// Every piece on its own, so that none depends on the luck of the draw.
func TestWithoutAPieceNoPass(t *testing.T) {
	for name, piece := range pieces() {
		run := handmade.KillAsync()
		piece.take(run)
		for _, v := range unbroken(t, run) {
			if slices.Contains(piece.needs, v.Checker) && v.Status == history.Pass {
				t.Errorf("without %q %s says pass: %s", name, v.Checker, v.Sentence)
			}
		}
	}
}

// A history that was cut short anywhere, as a killed tester leaves it, never passes as a whole.
func TestTruncatedRunsAreNeverGood(t *testing.T) {
	whole := handmade.KillAsync()
	for _, share := range []int{0, 1, 10, 30, 50, 70, 90, 99} {
		run := handmade.KillAsync()
		run.Ops = run.Ops[:len(whole.Ops)*share/100]
		run.Samples = run.Samples[:len(whole.Samples)*share/100]
		run.Final = nil
		if got := Overall(Judge(run, All())); got == history.Pass {
			t.Errorf("%d %% of a run pass", share)
		}
		for _, v := range unbroken(t, run) {
			if v.Status == history.Fail && v.Checker != "outage" && v.Checker != "rejoined" {
				t.Errorf("%d %% of a run: %s claims a finding: %s", share, v.Checker, v.Sentence)
			}
		}
	}
}

// Single operations, samples and spans taken away at random: nothing breaks, and no write is called lost that is there.
func FuzzHolesInTheRecord(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 2))
		run := handmade.KillSync()
		hole := 1 + random.IntN(20)
		run.Ops = slices.DeleteFunc(run.Ops, func(history.Op) bool { return random.IntN(100) < hole })
		run.Samples = slices.DeleteFunc(run.Samples, func(history.Sample) bool { return random.IntN(100) < hole })
		run.Spans = slices.DeleteFunc(run.Spans, func(history.Span) bool { return random.IntN(100) < hole })
		for _, v := range unbroken(t, run) {
			if v.Checker == "durability" && v.Status != history.Undecided && len(run.Ops) < 957 {
				t.Errorf("operations are missing from the record, and durability says %s: %s", v.Status, v.Sentence)
			}
			if v.Checker == "one-writable" && v.Status == history.Fail {
				t.Errorf("a second primary made up: %s", v.Sentence)
			}
		}
	})
}
