package reports

import (
	"fmt"
	"html"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Summary is summary.md: what a CI job shows (GitHub's step summary). The table first, then each bad run in words.
func Summary(report Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s pgcrucible: %s\n\n", badge(report.Status), headline(report))
	groups := Groups(report.Runs)
	writeMarkdownTable(&b, rows(groups))
	if c := caption(groups); c != "" {
		fmt.Fprintf(&b, "\n%s\n", markdown(strings.TrimSpace(c)))
	}
	for i, condition := range conditionsOf(report.Runs) {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "- ⚠️ times are spoiled by **%s**%s\n", markdown(condition.Name), markdown(condition.Text))
	}
	for _, e := range report.Runs {
		switch {
		case e.Status == Skipped:
			fmt.Fprintf(&b, "\n%s **%s** was not played: %s\n", badge(e.Status), markdown(e.title()), markdown(sentence(e.Skipped)))
		case Bad(e.Status):
			writeBad(&b, e)
		}
	}
	return b.String()
}

// headline counts the runs by status.
func headline(report Report) string {
	n := map[history.Status]int{}
	for _, e := range report.Runs {
		n[e.Status]++
	}
	var parts []string
	for _, status := range []history.Status{history.Fail, history.Undecided, history.Pass, Skipped} {
		if n[status] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Number(n[status]), past(status)))
		}
	}
	if len(parts) == 0 {
		return "no runs"
	}
	return strings.Join(parts, ", ") + " of " + count(len(report.Runs), "run")
}

func past(status history.Status) string {
	switch status {
	case history.Pass:
		return "passed"
	case history.Fail:
		return "failed"
	case history.Undecided:
		return "unknown"
	}
	return string(status)
}

func writeMarkdownTable(b *strings.Builder, rows [][]cell) {
	for n, row := range rows {
		for _, c := range row {
			text := markdown(c.text)
			if n > 0 && c.text == strings.ToUpper(c.text) && c.status != "" && !c.right {
				text = badge(c.status) + " " + text
			}
			fmt.Fprintf(b, "| %s ", text)
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for _, c := range row {
			if c.right {
				b.WriteString("|---:")
			} else {
				b.WriteString("|---")
			}
		}
		b.WriteString("|\n")
	}
}

func writeBad(b *strings.Builder, e Entry) {
	fmt.Fprintf(b, "\n### %s %s: %s\n\n", badge(e.Status), e.Status, markdown(e.title()))
	if e.Error != "" {
		fmt.Fprintf(b, "The story could not be played to its end: %s\n\n", markdown(sentence(e.Error)))
	}
	for _, v := range Findings(e.Verdicts) {
		fmt.Fprintf(b, "- **%s**: %s\n", markdown(v.Checker), markdown(v.Sentence))
		for _, w := range v.Witness[:min(shownWitnesses, len(v.Witness))] {
			fmt.Fprintf(b, "  - %s\n", markdown(witness(w)))
		}
		if more := max(v.Total, len(v.Witness)) - shownWitnesses; more > 0 {
			fmt.Fprintf(b, "  - and %s more\n", Number(more))
		}
	}
	fmt.Fprintf(b, "\nEvidence: %s\n", code(e.Dir))
	if e.Replay != "" {
		fmt.Fprintf(b, "\nReplay: %s\n", code(e.Replay))
	}
}

// badge is a sign beside the word, never in place of it.
func badge(status history.Status) string {
	switch status {
	case history.Pass:
		return "✅"
	case history.Fail:
		return "❌"
	case Skipped:
		return "⏭️"
	}
	return "❔"
}

// markdown makes a text harmless in Markdown: no markup, no HTML, no mention of people, one line.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range html.EscapeString(Clean(text)) {
		if strings.ContainsRune("\\`*_{}[]()#+!|~@$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code is a text in a code span whose fence is longer than any row of backticks in it.
func code(text string) string {
	text = Clean(text)
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + " " + text + " " + fence
}
