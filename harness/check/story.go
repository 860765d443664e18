package check

import (
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// story asks whether the story was played to its end: only then does the rest mean anything.
func story(run *history.Run) history.Verdict {
	switch {
	case run.Format != 1:
		return unknown("The run's folder has format %d; this program reads format 1.", run.Format)
	case run.Skipped != "":
		return unknown("Nothing was played: %s.", dot(run.Skipped))
	case run.Error != "":
		return fail([]history.Witness{{Detail: run.Error}}, "The story stopped before its end: %s.", dot(run.Error))
	case run.Dirty:
		return fail(nil, "A fault could not be taken back; the pair must not be used again.")
	case run.Ended.IsZero():
		return unknown("The record has no end: the tester died before the story was over.")
	case len(run.Final) < len(run.Nodes) || len(run.Nodes) == 0:
		return unknown("Only %d of %s were looked at when the story was over.", len(run.Final), count(len(run.Nodes), "node"))
	}
	return pass("The story was played to its end.")
}

// dot takes a full stop away, so that one can be put.
func dot(sentence string) string { return strings.TrimRight(strings.TrimSpace(sentence), ".") }
