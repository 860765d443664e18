package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// timelines asks whether the timeline rose by one for each promotion of the story, is the same on all nodes, and has its
// history file on all of them. Older history files are not asked for: a rebuilt node need not have them.
func timelines(run *history.Run) history.Verdict {
	began := firstTimeline(run)
	primary, err := run.FinalPrimary()
	switch {
	case err != nil:
		return unknown("The timeline at the end cannot be told: %s.", err)
	case began == 0 || primary.Timeline == 0:
		return unknown("The timeline was not recorded%s.", because(primary.Err))
	}
	want := began + pg.Timeline(run.Expect.Promotions) //nolint:gosec // a handful
	if primary.Timeline != want {
		return fail([]history.Witness{{Node: primary.Node, Detail: fmt.Sprintf("timeline %d, began with %d", primary.Timeline, began)}},
			"The timeline is %d at the end, but after %s it must be %d.", primary.Timeline, count(run.Expect.Promotions, "promotion"), want)
	}
	if want == 1 {
		return pass("There was no promotion, and the timeline is still 1.")
	}
	if witness := badHistories(run, primary); len(witness) > 0 {
		return fail(witness, "The history of timeline %d is not in place: %s: %s.", want, witness[0].Node, witness[0].Detail)
	}
	return pass("The timeline rose from %d to %d, by one for each promotion, and its history is in place.", began, want)
}

// firstTimeline is the lowest timeline that was seen; 0 if none was.
func firstTimeline(run *history.Run) pg.Timeline {
	var first pg.Timeline
	lower := func(t pg.Timeline) {
		if t != 0 && (first == 0 || t < first) {
			first = t
		}
	}
	for i := range run.Samples {
		lower(run.Samples[i].Timeline)
	}
	for i := range run.Ops {
		lower(run.Ops[i].Timeline)
	}
	return first
}

func badHistories(run *history.Run, primary *history.NodeState) []history.Witness {
	file := primary.Timeline.File()
	var bad []history.Witness
	for _, node := range run.Final {
		if !node.Up {
			continue // the checker "rejoined" says so
		}
		if why := badHistory(node.Histories[file], primary, primary.Histories[file]); why != "" {
			bad = append(bad, history.Witness{Node: node.Node, Detail: fmt.Sprintf("%s %s", file, why)})
		}
	}
	return bad
}

func badHistory(text string, primary *history.NodeState, same string) string {
	if text == "" {
		return "is missing"
	}
	ancestors, err := pg.ParseAncestry(text)
	switch {
	case err != nil:
		return "cannot be read: " + err.Error()
	case len(ancestors) == 0 || ancestors[len(ancestors)-1].Timeline != primary.Timeline-1:
		return fmt.Sprintf("does not say that it branched off timeline %d", primary.Timeline-1)
	case text != same:
		return "is not the same as on " + primary.Node
	}
	return ""
}
