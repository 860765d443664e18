package reports

import (
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Failure is what a bad run ends with: what is wrong in plain words with a few witnesses, where the evidence lies, and the
// command that replays the run. Of a run that is not bad it is empty.
func Failure(r Result, colour bool) string {
	if !Bad(r.Status()) {
		return ""
	}
	return failure(r, style{color: colour})
}

// shownWitnesses is how many witnesses the terminal shows of a finding; the page and report.json have the others.
const shownWitnesses = 5

func failure(r Result, s style) string {
	var b strings.Builder
	status := r.Status()
	fmt.Fprintf(&b, "%s %s\n", s.status(status, strings.ToUpper(string(status))), s.paint(bold, line(r.Name())))
	for _, text := range troubles(r) {
		fmt.Fprintf(&b, "  %s\n", Clean(text))
	}
	for _, v := range Findings(r.Verdicts) {
		fmt.Fprintf(&b, "  %s: %s\n", s.status(v.Status, line(v.Checker)), Clean(said(v)))
		for _, w := range v.Witness[:min(shownWitnesses, len(v.Witness))] {
			fmt.Fprintf(&b, "    %s\n", witness(w))
		}
		if more := max(v.Total, len(v.Witness)) - shownWitnesses; more > 0 {
			fmt.Fprintf(&b, "    and %s more\n", Number(more))
		}
	}
	if r.Dir != "" {
		fmt.Fprintf(&b, "  evidence  %s\n", Clean(r.Dir))
	}
	if r.Run.Replay != "" {
		fmt.Fprintf(&b, "  replay    %s\n", Clean(r.Run.Replay))
	}
	return b.String()
}

// troubles are what went wrong beside the checks: with the story, or with taking a fault back.
func troubles(r Result) []string {
	var found []string
	if r.Run.Error != "" {
		found = append(found, "The story could not be played to its end: "+sentence(r.Run.Error))
	}
	if r.Run.Dirty {
		found = append(found, "A fault could not be taken back, so the end of the run proves nothing.")
	}
	if r.Run.Skipped == "" && len(r.Verdicts) == 0 {
		found = append(found, "Nothing was checked, so nothing is known.")
	}
	return found
}

// witness is one line: when, where, which token, and what.
func witness(w history.Witness) string {
	var parts []string
	if w.At != 0 {
		parts = append(parts, "at "+clock(w.At))
	}
	if w.Node != "" {
		parts = append(parts, "on "+line(w.Node))
	}
	if w.Token != "" {
		parts = append(parts, "token "+line(w.Token))
	}
	where := strings.Join(parts, ", ")
	switch {
	case w.Detail == "":
		return where
	case where == "":
		return line(w.Detail)
	}
	return where + ": " + line(w.Detail)
}
