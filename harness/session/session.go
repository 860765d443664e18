// Package session marks everything that a test process creates on the engine, and has it removed however that process ends:
// by Close, or by a reaper container that notices that the process is gone.
package session

import (
	"context"
	"errors"
)

// Session is one test process's mark on the engine.
type Session struct{}

// Open starts the reaper from the sandbox image. Keep tells it to leave the run's things alone (KEEP=1) unless they are told otherwise.
func Open(ctx context.Context, sandbox string) (*Session, error) {
	return nil, errors.New("not built yet")
}

// Labels belong on every container, network, volume that the process creates.
func (s *Session) Labels() map[string]string { return nil }

// Close removes everything of the session that is still there, and the reaper, and says what it had to remove.
func (s *Session) Close(ctx context.Context) error { return nil }
