package fault

import (
	"strconv"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// thawScript has processes go on that were stopped. One that is gone, or goes on already, is fine.
const thawScript = `for pid in "$@"; do kill -CONT "$pid" 2>/dev/null; done; :`

// thaw is thawScript for the journal.
func thaw(n *cluster.Node, pids []int) intent.Action {
	return runScript(n, thawScript, numbers(pids)...)
}

func numbers(pids []int) []string {
	words := make([]string, len(pids))
	for i, pid := range pids {
		words[i] = strconv.Itoa(pid)
	}
	return words
}
