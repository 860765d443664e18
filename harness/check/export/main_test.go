package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// TestExportOfARecordedRun writes a run that was recorded of a real pair: every transaction on lists and registers is in one of the
// files, by its invocation and its completion.
func TestExportOfARecordedRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS("../recheck/testdata/transactions")); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := export(&said, dir); err != nil {
		t.Fatal(err)
	}
	run, err := history.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, op := range run.Ops {
		if !op.Standby && len(op.Txn) > 0 && (op.Kind == history.Txn || op.Kind == history.Read || op.Kind == history.Write) {
			want[op.Workload] += 2
		}
	}
	if len(want) != 4 {
		t.Fatalf("workloads: %v", want)
	}
	for workload, events := range want {
		model := "list-append"
		if workload == "register" {
			model = "rw-register"
		}
		path := filepath.Join(dir, "jepsen", workload+"."+model)
		if n := len(jsonEvents(t, path+".json")); n != events {
			t.Errorf("%s: %d events, want %d", workload, n, events)
		}
		text, err := os.ReadFile(path + ".edn")
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n != events {
			t.Errorf("%s: %d lines of EDN, want %d", workload, n, events)
		}
		if !strings.Contains(said.String(), "elle-cli --model "+model+" "+path+".edn") {
			t.Errorf("%s: how to read it is not told: %s", workload, said.String())
		}
	}
}

func jsonEvents(t *testing.T, path string) (events []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &events); err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		for _, field := range []string{"index", "type", "f", "process", "time", "value"} {
			if _, ok := e[field]; !ok {
				t.Fatalf("%s: event %d has no %s", path, i, field)
			}
		}
	}
	return events
}

func TestExportOfNothing(t *testing.T) {
	if err := export(&bytes.Buffer{}, t.TempDir()); err == nil {
		t.Error("an empty folder is a run")
	}
	dir := filepath.Join(t.TempDir(), "run")
	if err := handmade.Save(handmade.KillAsync(), dir); err != nil {
		t.Fatal(err)
	}
	if err := export(&bytes.Buffer{}, dir); err == nil || !strings.Contains(err.Error(), "no transactions") {
		t.Errorf("a run of the ledger alone: %v", err)
	}
}
