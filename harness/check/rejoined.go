package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// rejoined asks of every node other than the primary whether it is a standby for real: it streams, on the primary's
// timeline, and shows a row written after the last promotion. One row in pg_stat_replication is not enough: it can
// stand in state startup for ever.
func rejoined(run *history.Run) history.Verdict {
	if len(run.Nodes) < 2 || len(run.Final) < len(run.Nodes) {
		return unknown("Only %d of %s were looked at: whether the pair is whole cannot be told.", len(run.Final), count(len(run.Nodes), "node"))
	}
	primary := newest(run)
	if primary == nil {
		return fail(down(run), "No node is a primary at the end.")
	}
	if primary.Marker == "" {
		return unknown("No marker row was read on %s%s, so that none can be looked for on the standby.", primary.Node, because(primary.Err))
	}
	var bad []history.Witness
	for i := range run.Final {
		if node := &run.Final[i]; node != primary {
			if why := notRejoined(node, primary); why != "" {
				bad = append(bad, history.Witness{Node: node.Node, Detail: why})
			}
		}
	}
	if len(bad) > 0 {
		return fail(bad, "%s is not a standby of %s: %s.", bad[0].Node, primary.Node, bad[0].Detail)
	}
	if why := streams(run, primary); why != "" {
		return fail([]history.Witness{{Node: primary.Node, Detail: why}}, "The pair is not whole: %s.", why)
	}
	return pass("Every standby streams from %s on timeline %d and shows the row written last.", primary.Node, primary.Timeline)
}

// newest is the primary on the highest timeline; nil if there is no primary.
func newest(run *history.Run) *history.NodeState {
	var found *history.NodeState
	for i := range run.Final {
		node := &run.Final[i]
		if node.Up && !node.InRecovery && (found == nil || node.Timeline > found.Timeline) {
			found = node
		}
	}
	return found
}

func down(run *history.Run) []history.Witness {
	var witness []history.Witness
	for _, node := range run.Final {
		what := "in recovery"
		if !node.Up {
			what = "not up" + because(node.Err)
		}
		witness = append(witness, history.Witness{Node: node.Node, Detail: what})
	}
	return witness
}

func notRejoined(node, primary *history.NodeState) string {
	switch {
	case !node.Up:
		return "it is not up" + because(node.Err)
	case !node.InRecovery:
		return fmt.Sprintf("it is a primary itself, on timeline %d", node.Timeline)
	case node.Receiver == nil:
		return "it receives nothing"
	case node.Receiver.Status != "streaming":
		return fmt.Sprintf("its receiver is %q, not streaming", node.Receiver.Status)
	case node.Receiver.Timeline != primary.Timeline:
		return fmt.Sprintf("it receives timeline %d, and %s is on %d", node.Receiver.Timeline, primary.Node, primary.Timeline)
	case node.Timeline != primary.Timeline:
		return fmt.Sprintf("it is on timeline %d, and %s on %d", node.Timeline, primary.Node, primary.Timeline)
	case node.Marker != primary.Marker:
		return fmt.Sprintf("the row written last, %q, is not to be read there but %q", primary.Marker, node.Marker)
	}
	return ""
}

// streams looks from the primary's side.
func streams(run *history.Run, primary *history.NodeState) string {
	streaming, synchronous := 0, 0
	for _, peer := range primary.Streaming {
		if peer.State == "streaming" {
			streaming++
		}
		if peer.Sync == "sync" || peer.Sync == "quorum" {
			synchronous++
		}
	}
	switch {
	case streaming < len(run.Final)-1:
		return fmt.Sprintf("%s shows %s that stream, of %d", primary.Node, count(streaming, "standby"), len(run.Final)-1)
	case synchronous == 0 && (run.Commit == "sync" || run.Commit == "remote_apply"):
		return fmt.Sprintf("%s does not wait for its standby any more, although commits must be synchronous", primary.Node)
	}
	return ""
}
