package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
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

// transactions is a run that was recorded of a real pair: lists written in three ways, registers, a bank, sequences and prepared
// transactions, while a primary was killed whose standby was behind.
const transactions = "testdata/transactions"

// TestARecordedRunOfTransactions: the same verdicts byte for byte, however many processors judge.
func TestARecordedRunOfTransactions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS(transactions)); err != nil {
		t.Fatal(err)
	}
	run, err := history.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	judged := judge.Of(run)
	if err := judge.Write(dir, judged); err != nil {
		t.Fatal(err)
	}
	for _, processors := range []int{1, 2, 7} {
		before := runtime.GOMAXPROCS(processors)
		var out bytes.Buffer
		_, err := recheck(&out, dir)
		runtime.GOMAXPROCS(before)
		if err != nil || !strings.Contains(out.String(), "byte for byte") {
			t.Errorf("%d processors: %v\n%s", processors, err, out.String())
		}
	}
	says := map[string]string{
		"serializability": "seen and allowed: lost write (21), visible-then-lost (13)",
		"linearizable":    "54 operations on 3 keys fit one order",
		"bank":            "29 reads of all balances add up",
		"sequences":       "63 values of 2 sequences",
		"standby-reads":   "9 reads on a standby never went back",
		"two-phase":       "5 prepared transactions were lost within the budget",
	}
	for _, v := range judged.Verdicts {
		if want, ours := says[v.Checker]; ours && (v.Status != history.Pass || !strings.Contains(v.Sentence, want)) {
			t.Errorf("%s: %s, want pass saying %q: %s", v.Checker, v.Status, want, v.Sentence)
		}
		delete(says, v.Checker)
	}
	if len(says) > 0 {
		t.Errorf("not judged: %v", says)
	}
}

// TestWhatIsNotAllowedFails: the same run where nothing may be lost.
func TestWhatIsNotAllowedFails(t *testing.T) {
	run, err := history.Load(transactions)
	if err != nil {
		t.Fatal(err)
	}
	run.Budget.Lost = 0
	for _, v := range judge.Of(run).Verdicts {
		switch v.Checker {
		case "serializability", "two-phase":
			if v.Status != history.Fail || len(v.Witness) == 0 {
				t.Errorf("%s: %s with %d witnesses: %s", v.Checker, v.Status, len(v.Witness), v.Sentence)
			}
		}
	}
}

func TestACutLineOfARecordedRunIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS(transactions)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, history.HistoryFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[99] = append(lines[99][:40:40], '\n')
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := recheck(&bytes.Buffer{}, dir); err == nil || !strings.Contains(err.Error(), "line 100") {
		t.Errorf("got %v", err)
	}
}
