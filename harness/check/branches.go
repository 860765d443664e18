package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// forked are acknowledged writes that show a second primary: sent after a write of a newer timeline had been acknowledged
// elsewhere, or written by another node on a timeline that a node had already written to.
func forked(run *history.Run) []*history.Op {
	acks := slices.DeleteFunc(run.Acknowledged(), func(op *history.Op) bool { return op.Timeline == 0 || op.Node == "" })
	owner := make(map[pg.Timeline]string)
	byCall := slices.Clone(acks)
	slices.SortStableFunc(byCall, func(a, b *history.Op) int { return cmp.Compare(a.Call, b.Call) })
	var found []*history.Op
	var newest pg.Timeline // of the writes acknowledged before the one that is looked at was sent
	next := 0
	for _, op := range byCall {
		for next < len(acks) && acks[next].Return < op.Call {
			newest = max(newest, acks[next].Timeline)
			next++
		}
		if owner[op.Timeline] == "" {
			owner[op.Timeline] = op.Node
		}
		if op.Timeline < newest || owner[op.Timeline] != op.Node {
			found = append(found, op)
		}
	}
	return found
}

// branch is what was acknowledged on one node and timeline while two nodes accepted writes, and what became of it.
type branch struct {
	node          string
	timeline      pg.Timeline
	acked, stayed int
}

// branches counts the writes acknowledged during a window by where they were written.
func branches(run *history.Run, window history.Window) []branch {
	primary := newest(run)
	at := make(map[branch]int)
	var found []branch
	for _, op := range run.Acknowledged() {
		if op.Return < window.From || op.Return > window.To || op.Timeline == 0 {
			continue
		}
		key := branch{node: op.Node, timeline: op.Timeline}
		i, known := at[key]
		if !known {
			i = len(found)
			at[key] = i
			found = append(found, key)
		}
		found[i].acked++
		if primary != nil && primary.Tokens[op.Token] > 0 {
			found[i].stayed++
		}
	}
	slices.SortFunc(found, func(a, b branch) int {
		return cmp.Or(cmp.Compare(a.timeline, b.timeline), strings.Compare(a.node, b.node))
	})
	return found
}

func (b branch) String() string {
	return fmt.Sprintf("%s on timeline %d (%s), of which %s survived", count(b.acked, "write"), b.timeline, b.node, number(b.stayed))
}
