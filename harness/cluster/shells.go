package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/pgcrucible/pgcrucible/harness/cluster/internal/shell"
)

// ExitError is a script or program inside a node that ended with another status than 0.
type ExitError = shell.ExitError

// ErrShellLost is wrapped by errors of a shell whose container died or whose context ended: how far the script got is not known.
var ErrShellLost = shell.ErrLost

const (
	// idleShells of one user are kept: one call at a time is the rule, and what runs beside a rewind is a second.
	idleShells = 4
	// killWithin bounds the ending of a script whose context has ended.
	killWithin = 5 * time.Second
)

// shells are the open shells of one user in one container. A call takes one that is idle, or opens another.
type shells struct {
	docker    *client.Client
	container string
	user      string

	mu   sync.Mutex
	free []*shell.Shell
}

func (s *shells) run(ctx context.Context, script string, args ...string) (shell.Result, error) {
	one, err := s.take(ctx)
	if err != nil {
		return shell.Result{}, err
	}
	result, err := one.Run(ctx, script, args...)
	if errors.Is(err, shell.ErrLost) {
		if ctx.Err() != nil {
			err = errors.Join(err, s.killTree(context.WithoutCancel(ctx), one.PID()))
		}
		return result, err
	}
	s.give(one)
	return result, err
}

func (s *shells) take(ctx context.Context) (*shell.Shell, error) {
	for {
		s.mu.Lock()
		n := len(s.free)
		if n == 0 {
			s.mu.Unlock()
			return s.open(ctx)
		}
		one := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		if one.Alive() {
			return one, nil
		}
		_ = one.Close() // it is lost already
	}
}

func (s *shells) give(one *shell.Shell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < idleShells {
		s.free = append(s.free, one)
		return
	}
	_ = one.Close() // nothing runs in it
}

// drop closes the idle shells: their container has been stopped or killed.
func (s *shells) drop() {
	s.mu.Lock()
	free := s.free
	s.free = nil
	s.mu.Unlock()
	for _, one := range free {
		_ = one.Close() // nothing runs in it
	}
}

func (s *shells) open(ctx context.Context) (*shell.Shell, error) {
	made, err := s.docker.ExecCreate(ctx, s.container, client.ExecCreateOptions{
		User: s.user, Cmd: []string{"/bin/sh"}, WorkingDir: "/",
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open a shell in %s: %w", s.container, err)
	}
	attached, err := s.docker.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, fmt.Errorf("open a shell in %s: %w", s.container, err)
	}
	one, err := shell.Open(ctx, attached.Conn, attached.Reader)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.container, err)
	}
	return one, nil
}

// killScript ends a process and all below it, the youngest last: a parent that is gone starts no more.
const killScript = `
kill_tree() {
	kill -9 "$1" 2>/dev/null
	for child in $2; do kill_tree "$child" "$(cat /proc/"$child"/task/*/children 2>/dev/null)"; done
}
kill_tree "$1" "$(cat /proc/"$1"/task/*/children 2>/dev/null)"`

// killTree ends what a shell was doing when its call's context ended. A container that is gone, stopped or frozen refuses: then
// there is nothing to be ended, or it cannot be reached, and either way the caller has its error already.
func (s *shells) killTree(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, killWithin)
	defer cancel()
	one, err := s.open(ctx)
	if err != nil {
		return nil
	}
	_, err = one.Run(ctx, killScript, fmt.Sprint(pid))
	return errors.Join(err, one.Close())
}
