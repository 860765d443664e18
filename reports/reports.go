// Package reports turns runs, verdicts and phases into what people and machines read: a table in the terminal, report.json,
// junit.xml, summary.md, HTML pages and Go benchmark lines.
//
// Everything here is a pure function of finished runs: no cluster, no database, no clock. The same results written twice
// give the same bytes, so a report can be made again years later from the runs' folders.
//
// Whatever a run holds (tokens, settings, node logs, names of scenarios) is text from elsewhere: it is cleaned for the
// terminal, escaped for XML, Markdown and HTML, and never taken for markup.
package reports

import (
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Result is one judged run: all that a report is made of.
type Result struct {
	Run      *history.Run
	Verdicts []history.Verdict
	Phases   history.Phases
	Dir      string // the run's folder
}

// Skipped is the status of a run that was not played because this machine or image cannot do its fault.
// It stands beside the three of history: it is neither good nor bad, and it is always shown with its reason.
const Skipped history.Status = "skipped"

// Status is the worst verdict of the run. A story that could not be played to its end never passes, whatever was found in
// the part that was played.
func (r Result) Status() history.Status {
	if r.Run.Skipped != "" {
		return Skipped
	}
	status := worst(r.Verdicts)
	if status == history.Pass && (r.Run.Error != "" || r.Run.Dirty) {
		return history.Undecided
	}
	return status
}

// worst of the verdicts: fail, then unknown, then pass; of none it is unknown.
func worst(verdicts []history.Verdict) history.Status {
	if len(verdicts) == 0 {
		return history.Undecided
	}
	worst := history.Pass
	for _, v := range verdicts {
		switch v.Status {
		case history.Fail:
			return history.Fail
		case history.Pass:
		default:
			worst = history.Undecided
		}
	}
	return worst
}

// Bad says whether a status must make a job fail: unknown is as bad as fail, because nothing was proven.
func Bad(status history.Status) bool { return status != history.Pass && status != Skipped }

// Name is how reports call the run: scenario, commit level and, beyond the first, repetition.
func (r Result) Name() string {
	name := r.Run.Scenario
	if r.Run.Commit != "" {
		name += " (" + r.Run.Commit + ")"
	}
	if r.Run.Repetition > 1 {
		name += fmt.Sprintf(" run %d", r.Run.Repetition)
	}
	return name
}

// Findings are the verdicts that did not pass, failures first, each group in the order of the checkers.
func Findings(verdicts []history.Verdict) []history.Verdict {
	var found []history.Verdict
	for _, status := range []history.Status{history.Fail, history.Undecided} {
		for _, v := range verdicts {
			if v.Status == status {
				found = append(found, v)
			}
		}
	}
	return found
}

// Sentence is the run's verdict in plain words: what is wrong if something is, else what was proven.
func (r Result) Sentence() string {
	var parts []string
	switch {
	case r.Run.Skipped != "":
		return "Not played: " + sentence(r.Run.Skipped)
	case r.Run.Error != "":
		parts = append(parts, "The story could not be played to its end: "+sentence(r.Run.Error))
	case r.Run.Dirty:
		parts = append(parts, "A fault could not be taken back, so the end of the run proves nothing.")
	}
	for _, v := range Findings(r.Verdicts) {
		parts = append(parts, said(v))
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, " ")
	case len(r.Verdicts) == 0:
		return "Nothing was checked, so nothing is known."
	}
	return good(r)
}

// good is the sentence of a run in which no checker found anything.
func good(r Result) string {
	loss := r.Phases.Loss
	text := fmt.Sprintf("%s acknowledged, ", count(loss.Acknowledged, "write"))
	switch loss.Lost {
	case 0:
		text += "none lost"
	default:
		text += count(loss.Lost, "write") + " lost, as the budget allows"
	}
	if w := r.Phases.Outage; w != nil {
		text += fmt.Sprintf("; nobody could write for %s", Duration(w.Length()))
	}
	return text + fmt.Sprintf("; all %s passed.", count(len(r.Verdicts), "check"))
}

// said is the sentence of a verdict; a checker that gave none is named with its status.
func said(v history.Verdict) string {
	if strings.TrimSpace(v.Sentence) == "" {
		return fmt.Sprintf("Check %q says %s.", v.Checker, v.Status)
	}
	return sentence(v.Sentence)
}

// sentence ends a text with a full stop if it has no end.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsRune(".!?", rune(text[len(text)-1])) {
		return text
	}
	return text + "."
}

// count is a number with its noun: "1 write", "12,043 writes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Number(n) + " " + noun + "s"
}
