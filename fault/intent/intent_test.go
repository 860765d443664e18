package intent

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func begin(t *testing.T, j *Journal, fault string) int {
	t.Helper()
	id, err := j.Begin(fault, []Action{{Kind: AgentRemove, Agent: "127.0.0.1:1", IDs: []string{fault}}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestJournalOfTheLivingIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, second := begin(t, j, "a"), begin(t, j, "b")
	if err := j.Done(second); err != nil {
		t.Fatal(err)
	}
	if found, err := Find(dir); err != nil || len(found) != 0 {
		t.Fatalf("found %v, %v: the process lives", found, err)
	}
	if err := j.Done(first); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestHelperDies is no test: the next one runs it as a process that kills itself with faults in effect.
func TestHelperDies(t *testing.T) {
	dir := os.Getenv("INTENT_TEST_DIE")
	if dir == "" {
		t.Skip("only as a child")
	}
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, j, "a")
	gone := begin(t, j, "b")
	begin(t, j, "c")
	if err := j.Done(gone); err != nil {
		t.Fatal(err)
	}
	if _, err := j.file.WriteString(`{"id":4,"fault":"cut sh`); err != nil {
		t.Fatal(err)
	}
	self, _ := os.FindProcess(os.Getpid())
	_ = self.Kill()
	select {}
}

func TestJournalOfTheDead(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestHelperDies$")
	child.Env = append(os.Environ(), "INTENT_TEST_DIE="+dir)
	if err := child.Run(); err == nil {
		t.Fatal("the child did not die")
	}
	found, err := Find(dir)
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	entries := found[0].Entries
	if len(entries) != 2 || entries[0].Fault != "c" || entries[1].Fault != "a" {
		t.Fatalf("open entries, newest first: %+v", entries)
	}
	if info, err := os.Stat(found[0].Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if again, err := Find(dir); err != nil || len(again) != 0 {
		t.Errorf("two healers at once: %v, %v", again, err)
	}
	if err := found[0].Leave(); err != nil {
		t.Fatal(err)
	}
	if found, err = Find(dir); err != nil || len(found) != 1 {
		t.Fatalf("after leaving it: %v, %v", found, err)
	}
	if err := found[0].Settle(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestParseNamesTheLine(t *testing.T) {
	if _, err := parse([]byte("{\"id\":1}\nnonsense\n")); err == nil {
		t.Error("nonsense was taken for an entry")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"id\":1,\"fault\":\"a\"}\n{\"id\":1,\"done\":true}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		open, err := parse(text)
		if err != nil && open != nil {
			t.Error("entries and an error")
		}
	})
}
