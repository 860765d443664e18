package reports

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStepsPlain(t *testing.T) {
	var out bytes.Buffer
	steps := NewSteps(&out)
	steps.Say("image pgcrucible/postgres:17 is there")
	steps.Begin("kill-primary, sync, run 1")
	steps.Step("pair", 0)
	steps.Step("inject kill(pg1 postmaster)", 3210*ms)
	steps.End(killPrimary(made{}))
	steps.Close()
	want := `image pgcrucible/postgres:17 is there
kill-primary, sync, run 1
   0.000 s pair
   3.210 s inject kill(pg1 postmaster)
           PASS 4,479 writes acknowledged, none lost; nobody could write for 182 ms; all 6 checks passed.
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// locked is a buffer that may be read while steps are drawn.
type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestStepsMoveOnATerminal(t *testing.T) {
	var out locked
	steps := newSteps(&out, style{live: true, width: 40}, time.Millisecond)
	steps.Step("promote "+strings.Repeat("x", 100), 4250*ms)
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for strings.Count(out.String(), "\r\x1b[K") < 3 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the line never moved: %q", out.String())
		}
	}
	moving := out.String()
	steps.Close()
	if strings.Contains(moving, "\n") {
		t.Errorf("the moving line broke: %q", moving)
	}
	for _, drawn := range strings.Split(moving, "\r\x1b[K")[1:] {
		if n := len([]rune(drawn)); n >= 40 {
			t.Errorf("a moving line of %d characters wraps in 40 columns: %q", n, drawn)
		}
	}
	if got := out.String(); !strings.HasSuffix(got, ")\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("the step did not become one finished line: %q", got)
	}
}

func TestStepsAreCleaned(t *testing.T) {
	var out bytes.Buffer
	steps := NewSteps(&out)
	steps.Begin("\x1b[2Jgone")
	steps.Step("a\rb\nc\u202e", 0)
	steps.Say("\x07")
	if got := out.String(); strings.ContainsAny(got, "\x1b\r\x07\u202e") || strings.Count(got, "\n") != 3 {
		t.Errorf("not cleaned: %q", got)
	}
}
