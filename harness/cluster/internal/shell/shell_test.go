package shell

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// framed writes frames of one stream, as the engine does.
type framed struct {
	mu     *sync.Mutex
	to     io.Writer
	stream byte
}

func (f framed) Write(p []byte) (int, error) {
	header := make([]byte, 8, 8+len(p))
	header[0] = f.stream
	binary.BigEndian.PutUint32(header[4:], uint32(len(p)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.to.Write(append(header, p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// local is a shell of this machine behind the engine's framing.
func local(t testing.TB) *Shell {
	t.Helper()
	ours, theirs := net.Pipe()
	var mu sync.Mutex
	cmd := exec.Command("/bin/sh")
	cmd.Stdin = nil
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = framed{&mu, theirs, 1}, framed{&mu, theirs, 2}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(in, theirs)
		_ = in.Close()
	}()
	go func() {
		_ = cmd.Wait()
		_ = theirs.Close()
	}()
	s, err := Open(context.Background(), ours, bufio.NewReader(ours))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestRun(t *testing.T) {
	s := local(t)
	for _, test := range []struct {
		name, script string
		args         []string
		out, errs    string
		code         int
	}{
		{name: "nothing"},
		{name: "both outputs", script: "echo a; echo b >&2", out: "a\n", errs: "b\n"},
		{name: "no newline at the end", script: "printf x", out: "x"},
		{name: "status", script: "echo a; exit 3", out: "a\n", code: 3},
		{name: "arguments", script: `printf '[%s]' "$@"`, args: []string{"a b", "$(id)", "it's", "-n", "", "\n", `\`, "ü\xff"}, out: `[a b][$(id)][it's][-n][][` + "\n" + `][\][ü` + "\xff]"},
		{name: "set -e", script: "set -e\nfalse\necho never", code: 1},
		{name: "syntax error", script: "if", errs: "*", code: 2},
		{name: "open quote", script: "echo 'a", errs: "*", code: 2},
		{name: "standard input is empty", script: "cat", out: ""},
		{name: "looks like an option", script: "-x", errs: "*", code: 127},
		{name: "variables do not stay", script: `echo "${left-}"; left=1`, out: "\n"},
		{name: "variables did not stay", script: `echo "${left-}"`, out: "\n"},
		{name: "binary", script: `printf '\000\001\n\377'`, out: "\x00\x01\n\xff"},
		{name: "exec", script: `exec "$@"`, args: []string{"printf", "%s", "q"}, out: "q"},
	} {
		result, err := s.Run(t.Context(), test.script, test.args...)
		var exit *ExitError
		if errors.As(err, &exit) != (test.code != 0) || exit != nil && exit.Code != test.code {
			t.Fatalf("%s: %v; want status %d", test.name, err, test.code)
		}
		if got := string(result.Stdout); got != test.out {
			t.Errorf("%s: stdout %q; want %q", test.name, got, test.out)
		}
		if got := string(result.Stderr); got != test.errs && test.errs != "*" || test.errs == "*" && got == "" {
			t.Errorf("%s: stderr %q; want %q", test.name, got, test.errs)
		}
		if result.Answered.Before(result.Sent) {
			t.Errorf("%s: answered before it was sent", test.name)
		}
	}
}

func TestBigOutput(t *testing.T) {
	result, err := local(t).Run(t.Context(), `i=0; while [ $i -lt 20000 ]; do echo "0123456789 0123456789 0123456789 $i"; i=$((i+1)); done`)
	if err != nil || bytes.Count(result.Stdout, []byte("\n")) != 20000 {
		t.Fatalf("%d lines, %v; want 20000", bytes.Count(result.Stdout, []byte("\n")), err)
	}
}

func TestBackgroundOutputIsNotMixedIn(t *testing.T) {
	s := local(t)
	if _, err := s.Run(t.Context(), "(sleep 0.05; echo late; echo late >&2) & :"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), "sleep 0.2"); err != nil {
		t.Fatal(err)
	}
	result, err := s.Run(t.Context(), "echo mine")
	if err != nil || string(result.Stdout) != "mine\n" || len(result.Stderr) != 0 {
		t.Fatalf("%q %q %v; want mine only", result.Stdout, result.Stderr, err)
	}
}

func TestDeadlineThrowsTheShellAway(t *testing.T) {
	s := local(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Run(ctx, "sleep 5")
	if !errors.Is(err, ErrLost) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v; want ErrLost and the deadline", err)
	}
	if s.Alive() {
		t.Error("alive after a lost call")
	}
	if _, err := s.Run(t.Context(), "echo"); !errors.Is(err, ErrLost) {
		t.Errorf("%v; want ErrLost from a shell that was thrown away", err)
	}
}

func TestShellThatDies(t *testing.T) {
	s := local(t)
	if !s.Alive() {
		t.Fatal("dead before anything happened")
	}
	if _, err := s.Run(t.Context(), `kill -9 "$$"`); !errors.Is(err, ErrLost) {
		t.Fatalf("%v; want ErrLost", err)
	}
	if s.Alive() {
		t.Error("alive after its death")
	}
}

func TestRefusesNUL(t *testing.T) {
	s := local(t)
	if _, err := s.Run(t.Context(), "echo \x00"); err == nil {
		t.Error("took a script with NUL")
	}
	if _, err := s.Run(t.Context(), "echo", "a\x00b"); err == nil {
		t.Error("took an argument with NUL")
	}
	if !s.Alive() {
		t.Error("a refused call must leave the shell as it was")
	}
}

func TestErrorHidesArguments(t *testing.T) {
	_, err := local(t).Run(t.Context(), "false \"$1\"\nsecond line", "geheim")
	if err == nil || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "second") && !strings.Contains(err.Error(), "not found") {
		t.Errorf("%v", err)
	}
}

func FuzzArguments(f *testing.F) {
	s := local(f)
	f.Add("it's", "$(id) `id` \\ \" \n")
	f.Add("", "\xff\xfe\x01 *")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			t.Skip()
		}
		result, err := s.Run(t.Context(), `printf '%s|' "$@"; printf '%s' "$1" >&2`, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(result.Stdout), a+"|"+b+"|"; got != want {
			t.Errorf("%q; want %q", got, want)
		}
		if got := string(result.Stderr); got != a {
			t.Errorf("%q; want %q", got, a)
		}
	})
}

func FuzzEcho(f *testing.F) {
	s := local(f)
	f.Add([]byte("a'b\\c%d\x00\n\xff"))
	f.Add(bytes.Repeat([]byte{0}, 40000))
	f.Fuzz(func(t *testing.T, content []byte) {
		result, err := s.Run(t.Context(), Echo(content))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(result.Stdout, content) {
			t.Errorf("%q; want %q", result.Stdout, content)
		}
	})
}

// FuzzCatcher cuts a stream at any place: the same body and status must come out.
func FuzzCatcher(f *testing.F) {
	f.Add([]byte("hello\nend> 1\n"), uint8(3), uint8(7))
	f.Fuzz(func(t *testing.T, body []byte, code, cut uint8) {
		if bytes.Contains(body, []byte("end>")) {
			t.Skip()
		}
		stream := append([]byte("left over\nbegin<\n"), body...)
		stream = append(stream, []byte("\nend> "+string(rune('0'+code%10))+"\n")...)
		c := catcher{begin: "begin<", end: "end>"}
		for len(stream) > 0 {
			n := min(int(cut)%13+1, len(stream))
			if err := c.take(bytes.NewReader(stream), int64(n)); err != nil {
				t.Fatal(err)
			}
			stream = stream[n:]
		}
		if !c.done || !bytes.Equal(c.body, body) || c.code != int(code%10) {
			t.Errorf("done %v, body %q, status %d; want %q, %d", c.done, c.body, c.code, body, code%10)
		}
	})
}
