package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/judge"
)

// saved puts a run on disk and judges it, as a drill does.
func saved(t *testing.T, run *history.Run) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if err := handmade.Save(run, dir); err != nil {
		t.Fatal(err)
	}
	loaded, err := history.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := judge.Write(dir, judge.Of(loaded)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheSameByteForByte(t *testing.T) {
	dir := saved(t, handmade.KillAsync())
	var out bytes.Buffer
	status, err := recheck(&out, dir)
	if err != nil || status != history.Pass {
		t.Fatalf("got %s, %v:\n%s", status, err, out.String())
	}
	if !strings.Contains(out.String(), "byte for byte") || !strings.Contains(out.String(), "3 of 955") {
		t.Errorf("printed:\n%s", out.String())
	}
}

func TestABadRunStaysBad(t *testing.T) {
	run := handmade.KillAsync()
	run.Budget.Lost = 0
	status, err := recheck(&bytes.Buffer{}, saved(t, run))
	if err != nil || status != history.Fail {
		t.Errorf("got %s, %v", status, err)
	}
}

func TestAChangedFileIsNoticed(t *testing.T) {
	dir := saved(t, handmade.KillAsync())
	path := filepath.Join(dir, history.VerdictsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("3 of 955"), []byte("0 of 955"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := recheck(&bytes.Buffer{}, dir); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := recheck(&bytes.Buffer{}, dir); err == nil || !strings.Contains(err.Error(), "never judged") {
		t.Errorf("got %v", err)
	}
}

func TestNoRun(t *testing.T) {
	if _, err := recheck(&bytes.Buffer{}, t.TempDir()); err == nil {
		t.Error("an empty folder is a run")
	}
}
