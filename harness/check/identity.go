package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// identity asks whether every node has its own settings: pg_rewind and pg_basebackup copy those of the source, with a
// primary_conninfo that may point at the node itself. And all nodes must be copies of one database system.
func identity(run *history.Run) history.Verdict {
	primary := newest(run)
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		for _, name := range slices.Sorted(maps.Keys(node.Want)) {
			if found := node.Settings[name]; found != node.Want[name] {
				wrong = append(wrong, fmt.Sprintf("%s is %q and must be %q", name, found, node.Want[name]))
			}
		}
		if primary != nil && node.System != "" && primary.System != "" && node.System != primary.System {
			wrong = append(wrong, fmt.Sprintf("its system identifier is %s, and that of %s is %s", node.System, primary.Node, primary.System))
		}
		switch {
		case len(node.Want) == 0 || len(node.Settings) == 0:
			blind = "its settings were not read"
		case node.System == "":
			blind = "its system identifier was not read"
		}
		return wrong, blind
	})
	return saying(verdict, "Every node has its own settings, and all are copies of one database system.")
}
