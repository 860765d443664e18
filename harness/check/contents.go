package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// sequenceAhead is how far a sequence on a standby may be ahead of the primary's: PostgreSQL logs 32 values at a time
// (SEQ_LOG_VALS in src/backend/commands/sequence.c), and a standby shows the logged one.
const sequenceAhead = 32

// contents asks whether all nodes have the same contents: every table's rows, the definitions, sequences and roles.
// Equal counts, LSNs and timelines prove nothing: two nodes promoted apart have the same of all of them.
func contents(run *history.Run) history.Verdict {
	primary := newest(run)
	switch {
	case primary == nil:
		return unknown("No node is a primary at the end: there is nothing to compare with.")
	case len(run.Final) < 2:
		return unknown("Only one node was looked at: there is nothing to compare.")
	case len(primary.Tables) == 0 || primary.Schema == "" || len(primary.Roles) == 0:
		return unknown("The contents of %s were not read%s.", primary.Node, because(primary.Err))
	}
	behind := ""
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		if node == primary {
			return nil, ""
		}
		if len(node.Tables) == 0 || node.Schema == "" || len(node.Roles) == 0 {
			return nil, "its contents were not read"
		}
		wrong = differences(node, primary)
		if len(wrong) > 0 && node.LSN < primary.LSN {
			behind = fmt.Sprintf("%s differs from %s, but is still behind it (%s, %s)", node.Node, primary.Node, node.LSN, primary.LSN)
			return nil, behind
		}
		return wrong, ""
	})
	return saying(verdict, "All nodes have the same contents: %s, definitions, sequences and roles.", count(len(primary.Tables), "table"))
}

func differences(node, primary *history.NodeState) []string {
	wrong := different("the rows of", node.Tables, primary.Tables, func(a, b string) bool { return a == b })
	if node.Schema != primary.Schema {
		wrong = append(wrong, "the definitions of tables, indexes and functions are not those of "+primary.Node)
	}
	wrong = append(wrong, different("the sequence", node.Sequences, primary.Sequences, sameSequence)...)
	return append(wrong, different("the role", node.Roles, primary.Roles, func(a, b string) bool { return a == b })...)
}

func different(what string, here, there map[string]string, same func(here, there string) bool) []string {
	names := make(map[string]bool, len(there))
	for name := range here {
		names[name] = true
	}
	for name := range there {
		names[name] = true
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, isHere := here[name]
		b, isThere := there[name]
		switch {
		case !isHere:
			wrong = append(wrong, fmt.Sprintf("%s %s: missing here", what, name))
		case !isThere:
			wrong = append(wrong, fmt.Sprintf("%s %s: on this node only", what, name))
		case !same(a, b):
			wrong = append(wrong, fmt.Sprintf("%s %s: not the same as on the primary", what, name))
		}
	}
	return wrong
}

func sameSequence(here, there string) bool {
	a, errA := strconv.ParseInt(here, 10, 64)
	b, errB := strconv.ParseInt(there, 10, 64)
	if errA != nil || errB != nil {
		return here == there
	}
	return a >= b && a-b <= sequenceAhead
}
