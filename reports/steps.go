package reports

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Steps shows what is going on while runs are played. On a terminal the step that is going on is a line whose elapsed time
// moves, and becomes a finished line with how long it took when the next one begins. Elsewhere (CI, a pipe) each step is a
// plain line when it begins. Its methods may be called from many goroutines.
type Steps struct {
	mu      sync.Mutex
	out     io.Writer
	style   style
	title   string
	current string        // the step that is going on
	since   time.Time     // when it began
	elapsed time.Duration // of the run, when it began
	stop    chan struct{}
	done    chan struct{}
}

// refresh is how often the moving line moves.
const refresh = 100 * time.Millisecond

// NewSteps begins to show steps on out. Close it, or the last line stays open.
func NewSteps(out io.Writer) *Steps { return newSteps(out, styleOf(out), refresh) }

func newSteps(out io.Writer, s style, every time.Duration) *Steps {
	steps := &Steps{out: out, style: s, stop: make(chan struct{}), done: make(chan struct{})}
	if !s.live {
		close(steps.done)
		return steps
	}
	go steps.move(every)
	return steps
}

// Begin ends the step that is going on and puts a heading: the name of the run that follows.
func (s *Steps) Begin(title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
	s.title = line(title)
	fmt.Fprintln(s.out, s.style.paint(bold, s.title))
}

// Say shows something that happens outside of any run, for example that an image is being built.
func (s *Steps) Say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
	fmt.Fprintln(s.out, Clean(text))
}

// Step shows that a step begins, elapsed after its run began. It is made to be scenarios.Setup.Log.
func (s *Steps) Step(step string, elapsed time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
	if !s.style.live {
		fmt.Fprintf(s.out, "%s %s\n", stamp(elapsed), line(step))
		return
	}
	s.current, s.since, s.elapsed = line(step), time.Now(), elapsed
	s.draw()
}

// End ends the step that is going on and says how the run ended.
func (s *Steps) End(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
	status := r.Status()
	fmt.Fprintf(s.out, "%10s %s %s\n", "", s.style.status(status, strings.ToUpper(string(status))), Clean(r.Sentence()))
}

// Close ends the step that is going on.
func (s *Steps) Close() {
	if s.style.live {
		close(s.stop)
		<-s.done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
}

// finish turns the moving line into one that stays.
func (s *Steps) finish() {
	if s.current == "" {
		return
	}
	took := s.style.paint(faint, "("+Duration(time.Since(s.since))+")")
	fmt.Fprintf(s.out, "\r\x1b[K%s %s %s\n", stamp(s.elapsed), s.current, took)
	s.current = ""
}

func (s *Steps) move(every time.Duration) {
	defer close(s.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.mu.Lock()
			s.draw()
			s.mu.Unlock()
		}
	}
}

// draw shows the moving line; it never wraps, because only one line can be taken back.
func (s *Steps) draw() {
	if s.current == "" {
		return
	}
	text := fmt.Sprintf("%s %s … %s", stamp(s.elapsed), s.current, Duration(time.Since(s.since).Round(refresh)))
	if s.style.width > 1 && utf8.RuneCountInString(text) >= s.style.width {
		text = string([]rune(text)[:s.style.width-2]) + "…"
	}
	fmt.Fprintf(s.out, "\r\x1b[K%s", text)
}

// stamp is the elapsed time of a run in front of a step, always as wide.
func stamp(elapsed time.Duration) string { return fmt.Sprintf("%8.3f s", elapsed.Seconds()) }
