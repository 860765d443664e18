package check

import (
	"fmt"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// durability asks what became of every write of the ledger, by looking at the rows of the final primary.
func durability(run *history.Run) history.Verdict {
	primary, err := run.FinalPrimary()
	if err != nil {
		return unknown("What was lost cannot be told: %s.", err)
	}
	ledger := run.Ledger(primary)
	written := ledger.Acknowledged + ledger.LocalOnly
	switch {
	case written == 0:
		return unknown("No write of the ledger was acknowledged: there is nothing that could have been lost.")
	case len(primary.Tokens) == 0:
		return unknown("The rows on %s were not read%s: what was lost cannot be told.", primary.Node, because(primary.Err))
	case len(ledger.Reused) > 0:
		return with(unknown("The record is not sound: %s twice.", count(len(ledger.Reused), "token")), shown(ledger.Reused, "token used twice"))
	case len(ledger.Resurrected) > 0:
		n := len(ledger.Resurrected)
		return fail(shown(ledger.Resurrected, "certainly failed, and yet present"),
			"%s that certainly failed %s present on %s.", capital(count(n, "write")), areIs(n), primary.Node)
	case len(ledger.Repeated) > 0:
		n := len(ledger.Repeated)
		return fail(shown(ledger.Repeated, "present more than once"),
			"%s %s present more than once on %s.", capital(count(n, "write")), areIs(n), primary.Node)
	}
	if verdict, wrong := unlikeStory(run, ledger); wrong {
		return verdict
	}
	if ledger.Foreign > 0 {
		return unknown("%s on %s carry tokens of no recorded operation: the record is not whole.", capital(count(ledger.Foreign, "row")), primary.Node)
	}
	return weighed(run, ledger)
}

// weighed compares the loss with what the story allows.
func weighed(run *history.Run, ledger history.Ledger) history.Verdict {
	lost := len(ledger.Missing)
	rest := localOnly(ledger) + resolved(ledger)
	if lost == 0 {
		return with(pass("All %s acknowledged are present%s.", count(ledger.Acknowledged, "write"), rest), shown(ledger.LocalMissing, "acknowledged only locally, missing"))
	}
	told := fmt.Sprintf("%s of %s acknowledged writes %s missing: %s of commits%s%s",
		number(lost), number(ledger.Acknowledged), areIs(lost), took(history.LossSpan(ledger.Missing)), during(run, ledger.Missing), rest)
	witness := shown(ledger.Missing, "acknowledged, missing")
	switch allowed := run.Budget.Lost; {
	case allowed < 0:
		return with(pass("%s; the story sets no limit.", told), witness)
	case lost <= allowed:
		return with(pass("%s; the story allows %s.", told, number(allowed)), witness)
	case allowed == 0:
		return fail(witness, "%s; none may be.", told)
	default:
		return fail(witness, "%s; the story allows %s.", told, number(allowed))
	}
}

// unlikeStory compares the missing tokens with those that the story must lose, if it says which.
func unlikeStory(run *history.Run, ledger history.Ledger) (history.Verdict, bool) {
	if !run.Expect.Exact {
		return history.Verdict{}, false
	}
	expected := make(map[string]bool, len(run.Expect.Missing))
	for _, token := range run.Expect.Missing {
		expected[token] = true
	}
	surprising := slices.DeleteFunc(slices.Clone(ledger.Missing), func(op *history.Op) bool {
		found := expected[op.Token]
		delete(expected, op.Token)
		return found
	})
	for _, op := range ledger.LocalMissing {
		delete(expected, op.Token)
	}
	if len(surprising) == 0 && len(expected) == 0 {
		return history.Verdict{}, false
	}
	witness := shown(surprising, "acknowledged, missing, and the story does not lose it")
	survivors := make([]string, 0, len(expected))
	for token := range expected {
		survivors = append(survivors, token)
	}
	slices.Sort(survivors)
	for _, token := range survivors {
		witness = append(witness, history.Witness{Token: token, Detail: "the story must lose it, and it is not missing"})
	}
	return fail(witness, "The story must lose exactly %s; %s missing that it does not lose, %s that it does lose not missing.",
		count(len(run.Expect.Missing), "write"), are(len(surprising)), are(len(survivors))), true
}

func are(n int) string { return fmt.Sprintf("%s %s", number(n), areIs(n)) }

func localOnly(ledger history.Ledger) string {
	if ledger.LocalOnly == 0 {
		return ""
	}
	return fmt.Sprintf("; of %s acknowledged only locally %s missing", number(ledger.LocalOnly), are(len(ledger.LocalMissing)))
}

func resolved(ledger history.Ledger) string {
	if ledger.Unknown == 0 {
		return ""
	}
	return fmt.Sprintf("; of %s whose answer never came %s present", number(ledger.Unknown), are(ledger.Resolved))
}

// during names the fault that was in effect while all of the missing writes were acknowledged.
func during(run *history.Run, missing []*history.Op) string {
	first, last := missing[0].Return, missing[len(missing)-1].Return
	for _, span := range run.Named(history.SpanFault) {
		if span.Start <= first && last <= span.End {
			return fmt.Sprintf(", acknowledged while %s was in effect", span.Detail)
		}
	}
	return ""
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + dot(reason) + ")"
}
