package fault

import (
	"strconv"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// thawScript has processes go on that were stopped. One that is gone, or goes on already, is fine.
const thawScript = `for pid in "$@"; do kill -CONT "$pid" 2>/dev/null; done; :`

// thawAll lets every process of PostgreSQL go on. It needs no PIDs, so it is right although PostgreSQL has restarted meanwhile.
const thawAll = `for d in /proc/[0-9]*; do
	read -r name <"$d/comm" || continue
	case $name in postgres|postmaster) kill -CONT "${d#/proc/}" ;; esac
done 2>/dev/null
:`

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
