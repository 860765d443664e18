package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// slots asks whether every standby has its slot on the primary, in use, and whether nobody has a slot that nobody uses:
// such a slot keeps WAL without limit, also on a standby that was a primary before.
func slots(run *history.Run) history.Verdict {
	primary := newest(run)
	if primary == nil {
		return unknown("No node is a primary at the end: its slots cannot be looked at.")
	}
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		for _, slot := range node.Slots {
			switch {
			case !slot.Active:
				wrong = append(wrong, fmt.Sprintf("nobody uses slot %s, and it keeps WAL for ever", slot.Name))
			case slot.Status == "lost" || slot.Status == "unreserved":
				wrong = append(wrong, fmt.Sprintf("slot %s is %s", slot.Name, slot.Status))
			}
		}
		if node == primary || !node.InRecovery {
			return wrong, ""
		}
		if node.Receiver == nil {
			return wrong, "it receives nothing, so that its slot is not known"
		}
		return append(wrong, missingSlot(node, primary)...), ""
	})
	return saying(verdict, "Every standby has its slot on %s, and no slot is left over.", primary.Node)
}

func missingSlot(node, primary *history.NodeState) []string {
	name := node.Receiver.Slot
	if name == "" {
		return []string{"it streams without a slot"}
	}
	for _, slot := range primary.Slots {
		if slot.Name == name {
			return nil
		}
	}
	return []string{fmt.Sprintf("its slot %s is missing on %s", name, primary.Node)}
}
