package check

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// faults asks whether every fault bit and was gone when it was taken back. A fault without evidence proves nothing,
// and neither does a story that needs a fault and has none.
func faults(run *history.Run) history.Verdict {
	var broken, mute []history.Witness
	found := run.Named(history.SpanFault)
	for _, span := range found {
		witness := history.Witness{At: span.Start, Node: span.Node, Detail: span.Detail}
		switch {
		case span.Err != "":
			witness.Detail += ": " + span.Err
			broken = append(broken, witness)
		case span.Values["effect"] == "":
			mute = append(mute, witness)
		}
	}
	for _, span := range run.Named(history.SpanRevert) {
		if span.Err != "" {
			broken = append(broken, history.Witness{At: span.Start, Node: span.Node, Detail: span.Detail + ": not taken back: " + span.Err})
		}
	}
	switch {
	case len(broken) > 0:
		return fail(broken, "A fault was without effect or could not be taken back: %s.", dot(broken[0].Detail))
	case len(mute) > 0:
		return with(unknown("No evidence was recorded that the fault %s had any effect.", mute[0].Detail), mute)
	case len(found) == 0 && needsFault(run):
		return unknown("The story needs a fault, but none is recorded.")
	case len(found) == 0:
		return pass("No fault is part of this story.")
	}
	return pass("%s had the effect that was meant: %s.", capital(count(len(found), "fault")), list(found))
}

// needsFault says whether what happened, or must have happened, cannot be without a fault.
func needsFault(run *history.Run) bool {
	_, failover := run.First(history.SpanFailover)
	_, planned := run.First(history.SpanSwitch)
	expect := run.Expect
	return failover || expect.Silence || expect.Overlap || expect.Rebuild || expect.Promotions > 0 && !planned
}

func list(spans []history.Span) string {
	text := ""
	for i, span := range spans {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s at %s", span.Detail, at(span.Start))
	}
	return text
}
