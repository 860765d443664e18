// Package session marks everything that a test process creates on the engine, and has it removed however that process ends:
// by Close, or by a reaper container that notices that the process is gone.
//
// The reaper is told by its standard input: the process holds the other end through the engine's attach connection, and the kernel closes that
// when the process ends, by whatever means. No port is opened, and it works wherever the engine can be reached.
package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session/sweep"
)

// Labels of what is created.
const (
	Label        = "io.pgcrucible"         // "true" on everything of this product
	SessionLabel = "io.pgcrucible.session" // the session's id
	ProcessLabel = "io.pgcrucible.process" // process id of the test process, for people
)

// Session is one test process's mark on the engine. Its methods may be called from many goroutines.
type Session struct {
	id     string
	docker *client.Client
	engine sweep.Engine
	mu     sync.Mutex
	reaper *reaper // nil once closed
	kept   map[string]bool
	left   []string
}

// Open starts the reaper from the sandbox image. Several sessions, of one or several processes, do not touch each other's things.
func Open(ctx context.Context, sandbox string) (*Session, error) {
	docker, err := image.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &Session{id: newID(time.Now()), docker: docker, engine: sweep.Dial(docker.Dialer()), kept: make(map[string]bool)}
	if s.reaper, err = startReaper(ctx, docker, sandbox, s.Labels()); err != nil {
		_ = docker.Close() // nothing is open on it: it has no error to give
		return nil, fmt.Errorf("start reaper: %w", err)
	}
	return s, nil
}

// newID sorts by time and is unique without asking anyone.
func newID(now time.Time) string {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(random)
}

// ID names the session.
func (s *Session) ID() string { return s.id }

// Labels belong on every container, network, volume that the process creates. The map is the caller's own.
func (s *Session) Labels() map[string]string {
	return map[string]string{Label: "true", SessionLabel: s.id, ProcessLabel: strconv.Itoa(os.Getpid())}
}

// Guarded is nil if a crash of this process will be cleaned up after, else it says why not.
func (s *Session) Guarded() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reaper == nil {
		return fmt.Errorf("session %s is closed", s.id)
	}
	return s.reaper.guards()
}

// Keep has everything with this label spared, by Close and by the reaper, until Release or Sweep. It returns when the reaper has it.
func (s *Session) Keep(ctx context.Context, key, value string) error {
	return s.tell(ctx, "keep", key+"="+value, true)
}

// Release takes a Keep back.
func (s *Session) Release(ctx context.Context, key, value string) error {
	return s.tell(ctx, "release", key+"="+value, false)
}

func (s *Session) tell(ctx context.Context, verb, label string, keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.ContainsAny(label, "\r\n") {
		return fmt.Errorf("%s %q: a label has no line breaks", verb, label)
	}
	if s.reaper == nil {
		return fmt.Errorf("%s %s: session %s is closed", verb, label, s.id)
	}
	if keep {
		s.kept[label] = true
	} else {
		delete(s.kept, label)
	}
	if err := s.reaper.say(ctx, verb+" "+label); err != nil {
		return fmt.Errorf("%s %s: %w", verb, label, err)
	}
	return nil
}

// Close removes everything of the session that is still there and is not kept; Left says what that was. Then it lets the reaper go, which stays a
// few seconds longer to look for what the engine was still creating. It may be called twice.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reaper == nil {
		return nil
	}
	removed, err := s.engine.Clear(ctx, []string{SessionLabel + "=" + s.id}, sweep.Sparing(s.kept), 0)
	for _, thing := range removed {
		s.left = append(s.left, thing.String())
	}
	s.reaper.letGo()
	s.reaper = nil
	_ = s.docker.Close() // only idle connections
	return err
}

// Left is what Close had to remove: things that their owners should have removed themselves.
func (s *Session) Left() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}
