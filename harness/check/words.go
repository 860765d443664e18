package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// mostWitnesses is how many witnesses a verdict carries; its Total says of how many.
const mostWitnesses = 20

func pass(format string, args ...any) history.Verdict {
	return history.Verdict{Status: history.Pass, Sentence: fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) history.Verdict {
	return history.Verdict{Status: history.Undecided, Sentence: fmt.Sprintf(format, args...)}
}

// fail is a finding with its witnesses, of which the first twenty are kept.
func fail(witness []history.Witness, format string, args ...any) history.Verdict {
	return with(history.Verdict{Status: history.Fail, Sentence: fmt.Sprintf(format, args...)}, witness)
}

func with(verdict history.Verdict, witness []history.Witness) history.Verdict {
	verdict.Total = len(witness)
	verdict.Witness = witness[:min(len(witness), mostWitnesses):min(len(witness), mostWitnesses)]
	return verdict
}

// count writes a number with its noun: "1 write", "8,412 writes".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(n) + " " + noun
}

// areIs agrees with count.
func areIs(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// number writes thousands apart: 8,412.
func number(n int) string {
	digits, sign := strconv.Itoa(n), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	var out strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(digit)
	}
	return sign + out.String()
}

// took writes a duration as a person would: 0.4 ms, 812 ms, 3.1 s, 2 min 5 s.
func took(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// at writes a moment on the run's clock: 3.250 s.
func at(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + " s" }

// shown is a witness of each operation.
func shown(ops []*history.Op, what string) []history.Witness {
	witness := make([]history.Witness, 0, len(ops))
	for _, op := range ops {
		witness = append(witness, history.Witness{
			At: op.Return, Node: op.Node, Token: op.Token,
			Detail: fmt.Sprintf("%s (client %d, number %d, timeline %d)", what, op.Client, op.Seq, op.Timeline),
		})
	}
	return witness
}

// capital is for the first word of a sentence: numbers stay as they are.
func capital(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
