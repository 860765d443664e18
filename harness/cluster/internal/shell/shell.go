// Package shell speaks with a POSIX shell that is kept open behind a multiplexed connection, as the Docker engine's exec
// gives one: a call costs a round trip of about a millisecond, where a docker exec of its own costs 60 to 100.
//
// Nothing is pasted: script and arguments are quoted, and each call is framed by words drawn for this shell, so output of
// any bytes comes back as it was, stdout and stderr apart.
package shell

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Conn is the connection to the shell's standard input and, multiplexed, its outputs.
type Conn interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
}

// Shell is one open shell. It serves one call at a time; after an error other than *ExitError it is not usable any more.
type Shell struct {
	conn   Conn
	in     *bufio.Reader
	secret string
	calls  int
	pid    int
	broken atomic.Bool
}

// Result is what a script wrote.
type Result struct {
	Stdout, Stderr []byte
	// Sent and Answered bracket the script: it ran between them, on the caller's clock.
	Sent, Answered time.Time
}

// ExitError is a script that ended with another status than 0.
type ExitError struct {
	Script         string // its first line
	Code           int
	Stdout, Stderr string
}

func (e *ExitError) Error() string {
	text := strings.TrimSpace(e.Stderr)
	if text == "" {
		text = strings.TrimSpace(e.Stdout)
	}
	return fmt.Sprintf("%s: exit status %d: %s", e.Script, e.Code, text)
}

// ErrLost is wrapped by errors of a connection that broke: it is not known how far the script got.
var ErrLost = errors.New("shell lost")

// Open takes over a connection to a fresh shell. reader reads from conn and may hold bytes that were read ahead.
func Open(ctx context.Context, conn Conn, reader *bufio.Reader) (*Shell, error) {
	s := &Shell{conn: conn, in: reader, secret: rand.Text()}
	result, err := s.Run(ctx, `echo "$$"`)
	if err == nil {
		_, err = fmt.Sscan(string(result.Stdout), &s.pid)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open shell: %w", err), s.Close())
	}
	return s, nil
}

// PID is the shell's own, inside its container.
func (s *Shell) PID() int { return s.pid }

// Close ends the shell. What a script left in the background goes on.
func (s *Shell) Close() error {
	if s.broken.Swap(true) {
		return nil
	}
	return s.conn.Close()
}

// Alive says whether the shell can take another call, as far as can be seen without one.
func (s *Shell) Alive() bool {
	if s.broken.Load() || s.conn.SetReadDeadline(time.Now().Add(100*time.Microsecond)) != nil {
		return false
	}
	_, err := s.in.Peek(1)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return s.conn.SetReadDeadline(time.Time{}) == nil
}

// Run runs a script with $1, $2, ... and waits for its end. Its standard input is empty. If ctx ends first the shell is closed and
// the error wraps both ErrLost and the context's; the script may go on inside (KillTree ends it).
func (s *Shell) Run(ctx context.Context, script string, args ...string) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err // nothing was sent: the shell stays usable
	}
	s.calls++
	begin, end := fmt.Sprintf("%s%d<", s.secret, s.calls), fmt.Sprintf("%s%d>", s.secret, s.calls)
	text, err := frame(begin, end, script, args)
	if err != nil {
		return Result{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // the error comes from the read that it ends
	defer stop()
	var result Result
	result.Sent = time.Now()
	code, err := s.exchange(text, begin, end, &result)
	result.Answered = time.Now()
	if err != nil {
		return result, errors.Join(fmt.Errorf("%w: %s: %w", ErrLost, title(script), err), ctx.Err(), s.Close())
	}
	if code != 0 {
		return result, &ExitError{Script: title(script), Code: code, Stdout: string(result.Stdout), Stderr: string(result.Stderr)}
	}
	return result, nil
}

func (s *Shell) exchange(text, begin, end string, result *Result) (code int, err error) {
	if s.broken.Load() {
		return 0, net.ErrClosed
	}
	if _, err := io.WriteString(s.conn, text); err != nil {
		return 0, err
	}
	out, errs := catcher{begin: begin, end: end}, catcher{begin: begin, end: end}
	for !out.done || !errs.done {
		if err := s.readFrame(&out, &errs); err != nil {
			return 0, err
		}
	}
	result.Stdout, result.Stderr = out.body, errs.body
	return out.code, nil
}

// readFrame takes one frame of the engine's multiplexed stream: a byte that names the stream, three that are 0, the length in four.
func (s *Shell) readFrame(out, errs *catcher) error {
	var header [8]byte
	if _, err := io.ReadFull(s.in, header[:]); err != nil {
		return err
	}
	to := out
	switch header[0] {
	case 1:
	case 2:
		to = errs
	default:
		return fmt.Errorf("stream %d: want 1 or 2", header[0])
	}
	return to.take(s.in, int64(binary.BigEndian.Uint32(header[4:])))
}
