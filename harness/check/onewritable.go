package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// oneWritable asks whether at most one node accepted writes at any time: by the probes, by what was acknowledged on
// which timeline, and at the end. Where two are part of the story, they must be found.
func oneWritable(run *history.Run) history.Verdict {
	samples := slices.Clone(run.Samples)
	slices.SortStableFunc(samples, func(a, b history.Sample) int { return cmp.Compare(a.At, b.At) })
	both, late := overlaps(samples), forked(run)
	witness := doubled(both, late)
	if primaries := finalPrimaries(run); len(primaries) > 1 {
		witness = append(witness, history.Witness{Detail: strings.Join(primaries, " and ") + " are both primaries at the end"})
	}
	intended := run.Budget.TwoWrite || run.Expect.Overlap
	if len(witness) > 0 {
		if intended {
			return with(pass("%s, as the story intends.", told(run, both, late)), witness)
		}
		return fail(witness, "%s.", told(run, both, late))
	}
	node, since, blind := unseen(run, samples)
	switch {
	case len(samples) == 0 || len(run.Nodes) == 0:
		return unknown("No node was probed: whether two accepted writes at once cannot be told.")
	case mute(run) != "":
		return unknown("%s never answered a probe: whether two nodes accepted writes at once cannot be told.", mute(run))
	case blind:
		return unknown("%s was not probed for more than %s from %s: whether two nodes accepted writes then cannot be told.", node, took(blindness), at(since))
	case len(run.Final) < len(run.Nodes):
		return unknown("Only %d of %s were looked at when the run was over: two may be primaries.", len(run.Final), count(len(run.Nodes), "node"))
	case run.Expect.Overlap:
		return fail(nil, "Two nodes must accept writes at once in this story, and that was not found.")
	}
	return pass("At no time did two nodes accept writes.")
}

// told says for how long, and what was acknowledged where.
func told(run *history.Run, both []overlap, late []*history.Op) string {
	var window history.Window
	grow := func(w history.Window) {
		if window == (history.Window{}) {
			window = w
		}
		window = history.Window{From: min(window.From, w.From), To: max(window.To, w.To)}
	}
	for _, o := range both {
		grow(o.Window)
	}
	for _, op := range late {
		grow(history.Window{From: op.Return, To: op.Return})
	}
	sentence := strings.Join(finalPrimaries(run), " and ") + " are both primaries at the end"
	switch {
	case len(both) > 0:
		sentence = fmt.Sprintf("Two nodes accepted writes at once for %s, from %s to %s", took(total(both)), at(window.From), at(window.To))
	case len(late) > 0:
		sentence = fmt.Sprintf("Two nodes accepted writes: %s acknowledged by one when another had taken over, up to %s", count(len(late), "write"), at(window.To))
	}
	var each []string
	for _, b := range branches(run, window) {
		each = append(each, b.String())
	}
	if len(each) > 0 {
		sentence += "; acknowledged meanwhile: " + strings.Join(each, ", ")
	}
	return sentence
}

func doubled(both []overlap, late []*history.Op) []history.Witness {
	var witness []history.Witness
	for _, o := range both {
		witness = append(witness, history.Witness{At: o.From, Node: o.a, Detail: fmt.Sprintf("%s and %s both writable for %s", o.a, o.b, took(o.Length()))})
	}
	return append(witness, shown(late, "acknowledged when another node had taken over")...)
}

func finalPrimaries(run *history.Run) []string {
	var names []string
	for _, node := range run.Final {
		if node.Up && !node.InRecovery {
			names = append(names, node.Node)
		}
	}
	return names
}
