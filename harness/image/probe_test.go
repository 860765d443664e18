package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestProbeFindings(t *testing.T) {
	const good = "version postgres (PostgreSQL) 17.11 (Debian 17.11-0+deb13u1)\n"
	for name, test := range map[string]struct {
		said    string
		version string
		line    string // part of the refusal; empty: the image is good
	}{
		"Debian's":           {said: good, version: "17.11"},
		"plain":              {said: "version postgres (PostgreSQL) 15.18\n", version: "15.18"},
		"before a release":   {said: "version postgres (PostgreSQL) 19beta1\n", version: "19beta1"},
		"no pg_rewind":       {said: "lacks pg_rewind\n" + good, version: "17.11", line: `image "x:1" has no pg_rewind on its PATH`},
		"nothing at all":     {said: "lacks postgres\nlacks initdb\nnouser\nversion \n", line: "has no postgres, initdb on its PATH"},
		"no user":            {said: "nouser\n" + good, version: "17.11", line: "no user postgres"},
		"too old":            {said: "version postgres (PostgreSQL) 12.22\n", version: "12.22", line: "has PostgreSQL 12.22; want 15 or later"},
		"another program":    {said: "version psql\n", line: "want a version number"},
		"a version of words": {said: "version postgres (PostgreSQL) devel\n", version: "devel", line: "want a version number"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := parseFindings(test.said)
			if seen.Version != test.version {
				t.Errorf("version %q, want %q", seen.Version, test.version)
			}
			err := seen.judge("x:1")
			switch {
			case test.line == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.line != "" && (err == nil || !strings.Contains(err.Error(), test.line) || strings.Contains(err.Error(), "\n")):
				t.Errorf("said %v, want one line with %q", err, test.line)
			}
		})
	}
}

func FuzzParseFindings(f *testing.F) {
	f.Add("version postgres (PostgreSQL) 17.11\n")
	f.Add("lacks \nversion\nnouser x")
	f.Fuzz(func(t *testing.T, said string) {
		seen := parseFindings(said)
		if err := seen.judge("x"); err == nil && (seen.major() < oldestPostgres || len(seen.Lacks) > 0) {
			t.Fatalf("accepted %+v", seen)
		}
	})
}

// An engine makes what it was asked for although nobody waits for the answer.
func TestProbeThatIsEndedWhileItsContainerIsMadeRemovesIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	removed := make(chan string, 1)
	docker := fakeDocker(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/containers/create"):
			cancel()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprint(w, `{"Id":"late"}`)
		case r.Method == http.MethodDelete:
			removed <- r.URL.Path
		default:
			http.NotFound(w, r)
		}
	})
	if _, err := runOnce(ctx, docker, "image", ":"); !errors.Is(err, context.Canceled) {
		t.Errorf("said %v, want that it was cancelled", err)
	}
	select {
	case path := <-removed:
		if !strings.HasSuffix(path, "/containers/late") {
			t.Errorf("removed %s", path)
		}
	default:
		t.Error("the container stays")
	}
}
