package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Files of a run's folder.
const (
	ManifestFile = "run.json"      // the Manifest
	HistoryFile  = "history.jsonl" // one Op, Span, Sample or NodeState a line
	VerdictsFile = "verdicts.json" // what was made of it: can be made again from the two others
	LinearFile   = "linear.html"   // porcupine's picture of a register, where registers were judged; as VerdictsFile
)

// flushEvery is the most that a kill -9 of the tester can take from a history.
const flushEvery = 50 * time.Millisecond

// A Recorder writes a run to disk as it happens. Its methods may be called from many goroutines.
// The first error of writing sticks and is returned by Close; recording never stops a run.
type Recorder struct {
	dir   string
	began time.Time
	mu    sync.Mutex
	file  *os.File
	out   *bufio.Writer
	err   error
	watch Watch
	stop  chan struct{}
	done  chan struct{}
}

// Watch is told what is recorded as it happens, beside the file: for who steers a run or shows it. A nil function is not called;
// the others are called from the goroutines that record, and must not take long.
type Watch struct {
	Op    func(Op)
	Begin func(Span) // Do begins: Name, Node and Start are set
}

// Watch sets who is told. It must be called before anything is recorded.
func (r *Recorder) Watch(w Watch) { r.watch = w }

// line is how the kinds of record are told apart in the file: exactly one field is set.
type line struct {
	Op     *Op        `json:"op,omitempty"`
	Span   *Span      `json:"span,omitempty"`
	Sample *Sample    `json:"sample,omitempty"`
	Final  *NodeState `json:"final,omitempty"`
}

// Create makes the run's folder, which must not hold a history yet, and starts the run's clock.
func Create(dir string) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, HistoryFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create history: %w", err)
	}
	r := &Recorder{
		dir: dir, began: time.Now(), file: file, out: bufio.NewWriterSize(file, 1<<20),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go r.flushLoop()
	return r, nil
}

// Dir is the run's folder.
func (r *Recorder) Dir() string { return r.dir }

// Began is when the run's clock was 0.
func (r *Recorder) Began() time.Time { return r.began }

// Now is the run's clock: monotonic, since the run began.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// At puts a moment of this process on the run's clock.
func (r *Recorder) At(t time.Time) time.Duration { return t.Sub(r.began) }

// Op records one operation.
func (r *Recorder) Op(op Op) {
	r.writeOp(&op)
	if r.watch.Op != nil {
		r.watch.Op(op)
	}
}

func (r *Recorder) writeOp(op *Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.out.Write(appendOp(r.out.AvailableBuffer(), op))
	r.keep(err)
}

// Span records something that took time.
func (r *Recorder) Span(s Span) { r.write(line{Span: &s}) }

// Sample records a probe.
func (r *Recorder) Sample(s Sample) { r.write(line{Sample: &s}) }

// Final records what was found on a node at the end.
func (r *Recorder) Final(n NodeState) { r.write(line{Final: &n}) }

// Do times body as a span, records it with the error it returned, and returns that error.
// The body may set fields of the span: Detail, Values.
func (r *Recorder) Do(name, node string, body func(*Span) error) error {
	span := Span{Name: name, Node: node, Start: r.Now()}
	if r.watch.Begin != nil {
		r.watch.Begin(span)
	}
	err := body(&span)
	span.End = r.Now()
	if err != nil {
		span.Err = err.Error()
	}
	r.Span(span)
	return err
}

// Manifest writes run.json, whole or not at all; it may be called again when more is known.
func (r *Recorder) Manifest(m Manifest) error {
	return WriteJSON(filepath.Join(r.dir, ManifestFile), m)
}

// Flush writes out what is buffered.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(r.out.Flush())
	return r.err
}

// Close flushes and closes the history. Records after it are dropped and reported by no one: close last.
func (r *Recorder) Close() error {
	close(r.stop)
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.out.Flush(), r.file.Close())
}

func (r *Recorder) write(l line) {
	text, err := json.Marshal(l)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(err)
	if err == nil {
		_, err = r.out.Write(append(text, '\n'))
		r.keep(err)
	}
}

func (r *Recorder) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *Recorder) flushLoop() {
	defer close(r.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			_ = r.Flush() // it sticks: Close returns it
		}
	}
}

// JSON is value indented, as the files of a run's folder have it.
func JSON(value any) ([]byte, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// WriteJSON writes value indented to path, by way of a file beside it, so that a reader never sees half of it.
func WriteJSON(path string, value any) error {
	text, err := JSON(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return os.Rename(temporary, path)
}
