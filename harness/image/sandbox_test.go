package image

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestEqualProgramsGiveEqualArchives(t *testing.T) {
	pack := func(content string) []byte {
		path := filepath.Join(t.TempDir(), "agent")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		long := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
		layer, err := archive([]string{path})
		if err != nil {
			t.Fatal(err)
		}
		return layer
	}
	if !bytes.Equal(pack("one"), pack("one")) {
		t.Error("equal programs give different archives: every run would build an image")
	}
	if bytes.Equal(pack("one"), pack("two")) {
		t.Error("different programs give equal archives: a run would take a stale image")
	}
}

func TestNoGoIsOneLine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := buildPrograms(t.Context(), runtime.GOARCH)
	wantLine(t, err, "the Go tool is not on PATH")
}

// A user's module that imports ours has none of our programs' dependencies, and GOFLAGS of its own.
func TestProgramsAreBuiltFromAnotherModule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	ours, err := moduleDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs := etcWith(t, map[string]string{
		"go.mod": "module example.org/theirs\n\ngo 1.26.0\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + ours + "\n",
	})
	t.Chdir(theirs)
	t.Setenv("GOFLAGS", "-mod=vendor -tags=nothing")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOCACHE", goCache(t))
	paths, err := buildPrograms(t.Context(), runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: %v, want a program", path, err)
		}
	}
}

// goCache is the cache of the machine's Go, which must not move with XDG_CACHE_HOME.
func goCache(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("GOCACHE"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(home, ".cache", "go-build")
}
