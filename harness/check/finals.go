package check

import (
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// each asks every node that is up at the end. A finding on any is a fail; a node that could not be asked, or whose look
// was not complete, leaves the verdict unknown: "nothing is wrong" needs that everything was seen.
func each(run *history.Run, ask func(*history.NodeState) (wrong []string, blind string)) history.Verdict {
	var found []history.Witness
	var blind []string
	for i := range run.Final {
		node := &run.Final[i]
		if !node.Up {
			blind = append(blind, node.Node+" is not up")
			continue
		}
		wrong, missing := ask(node)
		for _, detail := range wrong {
			found = append(found, history.Witness{Node: node.Node, Detail: detail})
		}
		switch {
		case missing != "":
			blind = append(blind, fmt.Sprintf("%s: %s%s", node.Node, missing, because(node.Err)))
		case node.Err != "":
			blind = append(blind, fmt.Sprintf("%s: %s", node.Node, dot(node.Err)))
		}
	}
	switch {
	case len(found) > 0:
		return fail(found, "%s: %s.", found[0].Node, found[0].Detail)
	case len(run.Final) == 0 || len(run.Final) < len(run.Nodes):
		return unknown("Only %d of %s were looked at.", len(run.Final), count(len(run.Nodes), "node"))
	case len(blind) > 0:
		return unknown("Not everything was seen: %s.", strings.Join(blind, "; "))
	}
	return history.Verdict{Status: history.Pass}
}

// saying gives a verdict its sentence if it is a pass.
func saying(verdict history.Verdict, format string, args ...any) history.Verdict {
	if verdict.Status == history.Pass {
		verdict.Sentence = fmt.Sprintf(format, args...)
	}
	return verdict
}
