package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

func TestObeyRemembersWhatIsKept(t *testing.T) {
	var out bytes.Buffer
	kept := map[string]bool{}
	in := strings.NewReader("keep run=a\nkeep run=b\nrelease run=a\ndance\nkeep c=d e\n")
	obey(in, &out, kept)
	if len(kept) != 2 || !kept["run=b"] || !kept["c=d e"] {
		t.Errorf("kept %v, want run=b and c=d e", kept)
	}
	if want := "ready\nok\nok\nok\nunknown word \"dance\"\nok\n"; out.String() != want {
		t.Errorf("answered %q, want %q", out.String(), want)
	}
}

func TestUntilEndsWithItsInputOrItsContext(t *testing.T) {
	read, write := io.Pipe()
	defer func() { _ = write.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	until(ctx, read, io.Discard, map[string]bool{}) // either that does not end hangs the test
	until(t.Context(), strings.NewReader(""), io.Discard, map[string]bool{})
}

func TestRunRefusesOtherArguments(t *testing.T) {
	for _, arguments := range [][]string{nil, {"watch"}, {"mark", "x"}, {"sing"}} {
		if err := run(t.Context(), arguments, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("took %q", arguments)
		}
	}
	if err := run(t.Context(), []string{"mark"}, strings.NewReader(""), io.Discard); err != nil {
		t.Errorf("mark: %v", err)
	}
	err := run(t.Context(), []string{"watch", "a=b"}, strings.NewReader(""), io.Discard)
	if err == nil || !strings.Contains(err.Error(), socket) {
		t.Errorf("without the engine's socket: %v", err)
	}
}

func FuzzObey(f *testing.F) {
	f.Add("keep a=b\nrelease a=b\n")
	f.Fuzz(func(t *testing.T, in string) {
		var out strings.Builder
		kept := map[string]bool{}
		obey(strings.NewReader(in), &out, kept)
		if answers := strings.Count(out.String(), "\n"); len(kept) >= answers {
			t.Fatalf("%d labels kept after %d answers", len(kept), answers)
		}
	})
}
