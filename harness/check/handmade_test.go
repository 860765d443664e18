package check

import (
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// wrong is a good run in which exactly one thing was set wrong.
type wrong struct {
	name  string
	story func() *history.Run
	spoil func(run *history.Run)
	fails string // the checkers that must fail, and no others may
	blind string // the checkers that may, and must, say unknown
	says  string // part of the first failing (or blind) checker's sentence
}

// ack finds the n-th acknowledged write.
func ack(run *history.Run, n int) *history.Op { return run.Acknowledged()[n] }

// both changes both nodes in the same way.
func both(run *history.Run, change func(node *history.NodeState)) {
	for i := range run.Final {
		change(&run.Final[i])
	}
}

func span(run *history.Run, name string) *history.Span {
	for i := range run.Spans {
		if run.Spans[i].Name == name {
			return &run.Spans[i]
		}
	}
	return nil
}

// drop takes away the row of an operation on both nodes.
func drop(run *history.Run, token string) {
	both(run, func(node *history.NodeState) { delete(node.Tokens, token) })
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestHandMadeRuns(t *testing.T) {
	var table []wrong
	table = append(table, wrongWrites()...)
	table = append(table, wrongRoles()...)
	table = append(table, wrongPair()...)
	table = append(table, wrongStories()...)
	if len(table) < 45 {
		t.Errorf("only %d runs", len(table))
	}
	for _, c := range table {
		t.Run(c.name, func(t *testing.T) {
			run := c.story()
			c.spoil(run)
			judged(t, c, Judge(run, All()))
		})
	}
}

func judged(t *testing.T, c wrong, verdicts []history.Verdict) {
	t.Helper()
	fails, blind := strings.Fields(c.fails), strings.Fields(c.blind)
	said := false
	for _, v := range verdicts {
		want := history.Pass
		switch {
		case has(fails, v.Checker):
			want = history.Fail
		case has(blind, v.Checker):
			want = history.Undecided
		}
		if v.Status != want {
			t.Errorf("%s says %s, want %s: %s", v.Checker, v.Status, want, v.Sentence)
		}
		if want != history.Pass && strings.Contains(v.Sentence, c.says) {
			said = true
		}
		if len(v.Witness) > 20 || v.Total < len(v.Witness) {
			t.Errorf("%s shows %d witnesses of %d", v.Checker, len(v.Witness), v.Total)
		}
	}
	if !said {
		t.Errorf("nobody says %q", c.says)
		for _, v := range verdicts {
			if v.Status != history.Pass {
				t.Logf("%s: %s", v.Checker, v.Sentence)
			}
		}
	}
}

func has(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
