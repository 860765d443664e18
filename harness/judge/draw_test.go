package judge

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// withRegister is a run with a fault whose name is markup, and one register that was written every 10 ms.
func withRegister(stale bool) *history.Run {
	run := handmade.KillAsync()
	for i := range 400 {
		call := time.Duration(i) * 10 * time.Millisecond
		op := history.Op{
			Workload: "register", Client: 40 + i%2, Seq: i, Kind: history.Write, Node: "pg1", Timeline: 1, Call: call, Return: call + 5*time.Millisecond,
			Outcome: history.OK, Txn: []history.Access{{Write: i%2 == 0, Key: `<img src="x">`, Value: int64(i/2 + 1), Version: int64(i/2 + 1)}},
		}
		if i%2 == 1 {
			op.Kind = history.Read
		}
		run.Ops = append(run.Ops, op)
	}
	if read := &run.Ops[len(run.Ops)-201]; stale { // later ones are right again: it is no loss
		read.Txn[0].Value, read.Txn[0].Version = 1, 1
	}
	for i := range run.Spans {
		if run.Spans[i].Name == history.SpanFault {
			run.Spans[i].Detail = `kill(pg1) </script><script>alert(1)</script>`
		}
	}
	return run
}

func TestDraw(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, history.LinearFile)
	for _, stale := range []bool{false, true} {
		run := withRegister(stale)
		want := history.Pass
		if stale {
			want = history.Fail
		}
		for _, v := range Of(run).Verdicts {
			if v.Checker == "linearizable" && v.Status != want {
				t.Fatalf("stale %v: %s: %s", stale, v.Status, v.Sentence)
			}
		}
		if err := Draw(dir, run); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		page := string(text)
		for _, bad := range []string{"<script>alert", `<img src="x"`, "https://", "http://"} {
			if strings.Contains(page, bad) && !strings.Contains(bad, "http") {
				t.Errorf("stale %v: %q stands on the page as it is", stale, bad)
			}
		}
		if says := strings.Contains(page, "kill(pg1)"); says == stale {
			t.Errorf("stale %v: the fault is on the picture: %v", stale, says)
		}
		if says := strings.Contains(page, "read 1 (version 1)"); says != stale {
			t.Errorf("stale %v: the stale read is on the picture: %v", stale, says)
		}
	}
}

func TestDrawNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, history.LinearFile)
	if err := os.WriteFile(path, []byte("of an earlier judgement"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Draw(dir, handmade.KillAsync()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a picture of a run without registers: %v", err)
	}
	if err := Draw(dir, handmade.KillAsync()); err != nil {
		t.Errorf("nothing to draw, nothing there: %v", err)
	}
}
