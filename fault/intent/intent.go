// Package intent keeps on disk what a tester is about to break, before it breaks it, with what takes it back as plain data.
//
// One file a process, one line an entry, synced before the fault is injected. The living process holds a lock on its
// file; the kernel lets go of it when the process dies, however it dies, and then the file's open entries are work for
// `make heal`. The files are readable by their owner only: they hold the tokens of agents.
package intent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Kind is a way to take something back.
type Kind string

// The kinds of actions. A target that is gone makes each of them a success.
const (
	AgentRemove   Kind = "agent-remove"    // ask the agent at Agent to take the rules IDs away
	Exec          Kind = "exec"            // run Argv as User in Container
	ExecIfRunning Kind = "exec-if-running" // the same where Container runs; where not, there is nothing to take back
	Unpause       Kind = "unpause"         // thaw Container
	Start         Kind = "start"           // start Container
	Restart       Kind = "restart"         // stop Container, if it runs, and start it
	Beside        Kind = "beside"          // run Argv from Image with Capabilities, in the process namespace of Container
	LimitCPU      Kind = "limit-cpu"       // set Container's Period and Quota
	LimitMemory   Kind = "limit-memory"    // set Container's Memory and Swap
)

// Action is one step of taking a fault back. It can be carried out by another process, any number of times.
type Action struct {
	Kind      Kind     `json:"kind"`
	Node      string   `json:"node,omitempty"`
	Agent     string   `json:"agent,omitempty"` // address:port
	Token     string   `json:"token,omitempty"`
	IDs       []string `json:"ids,omitempty"`
	Container string   `json:"container,omitempty"`
	User      string   `json:"user,omitempty"`
	Argv      []string `json:"argv,omitempty"`

	Image        string   `json:"image,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	Period       int64    `json:"period,omitempty"` // microseconds, 0: the kernel's own
	Quota        int64    `json:"quota,omitempty"`  // microseconds of CPU time in each Period, 0: no limit
	Memory       int64    `json:"memory,omitempty"` // bytes, 0: no limit
	Swap         int64    `json:"swap,omitempty"`   // bytes of memory and swap together, 0: no limit
}

// Entry is one fault that a process meant to inject.
type Entry struct {
	ID    int       `json:"id"`
	Fault string    `json:"fault,omitempty"`
	At    time.Time `json:"at,omitzero"`
	Undo  []Action  `json:"undo,omitempty"`
	Done  bool      `json:"done,omitempty"` // closes the entry of that ID
}

// Dir is where journals are kept: the user's cache folder, or what CRUCIBLE_INTENTS says.
func Dir() string {
	if dir := os.Getenv("CRUCIBLE_INTENTS"); dir != "" {
		return dir
	}
	if cache, err := os.UserCacheDir(); err == nil {
		return filepath.Join(cache, "pgcrucible", "intents")
	}
	return filepath.Join(os.TempDir(), "pgcrucible-"+strconv.Itoa(os.Getuid()), "intents")
}

// Journal is the file of one living process. Its methods may be called from many goroutines.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	next int
	open map[int]bool
}

// Open starts a journal in dir, which is made if it is missing.
func Open(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open journal of intents: %w", err)
	}
	file, err := os.CreateTemp(dir, strconv.Itoa(os.Getpid())+"-*.jsonl") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("open journal of intents: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock journal of intents: %w", err), file.Close())
	}
	return &Journal{file: file, open: map[int]bool{}}, nil
}

// Begin writes an intent and returns when it is on disk.
func (j *Journal) Begin(fault string, undo []Action) (id int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	if err := j.write(Entry{ID: j.next, Fault: fault, At: time.Now(), Undo: undo}); err != nil {
		return 0, fmt.Errorf("journal %s: %w", fault, err)
	}
	j.open[j.next] = true
	return j.next, nil
}

// Done writes that an intent was taken back.
func (j *Journal) Done(id int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(Entry{ID: id, Done: true}); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	delete(j.open, id)
	return nil
}

func (j *Journal) write(entry Entry) error {
	text, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}

// Close ends the journal. Its file is removed if nothing is open in it, and left for `make heal` otherwise.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if len(j.open) == 0 {
		err = os.Remove(j.file.Name())
	}
	return errors.Join(err, j.file.Close())
}

// Abandoned is a journal whose process is dead, with what is open in it, newest first. It is locked until it is settled.
type Abandoned struct {
	Path    string
	Entries []Entry
	file    *os.File
}

// Find looks for journals of dead processes. One without open entries is removed.
func Find(dir string) ([]*Abandoned, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var found []*Abandoned
	var errs []error
	for _, path := range paths {
		journal, err := take(path)
		switch {
		case err != nil:
			errs = append(errs, err)
		case journal != nil && len(journal.Entries) == 0:
			errs = append(errs, journal.Settle())
		case journal != nil:
			found = append(found, journal)
		}
	}
	return found, errors.Join(errs...)
}

// take opens a journal if nobody holds its lock.
func take(path string) (*Abandoned, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // its process has just closed it
	}
	if err != nil {
		return nil, fmt.Errorf("open abandoned journal: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, file.Close() // its process lives
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read abandoned journal: %w", err), file.Close())
	}
	entries, err := parse(text)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read abandoned journal %s: %w", path, err), file.Close())
	}
	return &Abandoned{Path: path, Entries: entries, file: file}, nil
}

// parse gives the open entries, newest first. A last line without its end was cut short before the fault was injected.
func parse(text []byte) ([]Entry, error) {
	var order []Entry
	done := map[int]bool{}
	in := bufio.NewReader(bytes.NewReader(text))
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		var entry Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if entry.Done {
			done[entry.ID] = true
		} else {
			order = append([]Entry{entry}, order...)
		}
	}
	var open []Entry
	for _, entry := range order {
		if !done[entry.ID] {
			open = append(open, entry)
		}
	}
	return open, nil
}

// Settle removes the journal: everything in it was taken back.
func (a *Abandoned) Settle() error { return errors.Join(os.Remove(a.Path), a.file.Close()) }

// Leave unlocks the journal for a later attempt.
func (a *Abandoned) Leave() error { return a.file.Close() }
