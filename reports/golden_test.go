package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name; with -update it becomes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./reports -update writes it anew)\n--- got\n%s\n--- want\n%s", name, got, want)
	}
}

func TestGoldenTable(t *testing.T) {
	golden(t, "table.txt", Table(drill(), false))
	golden(t, "table-colour.txt", Table(drill(), true))
}

func TestGoldenFailures(t *testing.T) {
	var all string
	for _, r := range drill() {
		if text := Failure(r, false); text != "" {
			all += text + "\n"
		}
	}
	golden(t, "failures.txt", all)
}

func TestGoldenReports(t *testing.T) {
	report := Of("out", drill())
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(text)+"\n")
	golden(t, "summary.md", Summary(report))
	junit, err := JUnit(report)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", string(junit))
}

// placed puts the runs' folders into dir.
func placed(dir string, results []Result) []Result {
	for i := range results {
		results[i].Dir = filepath.Join(dir, results[i].Run.ID)
	}
	return results
}

func TestWriteTwiceIsEqual(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if err := Write(dir, placed(dir, drill()), Options{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{ReportFile, JUnitFile, SummaryFile, BenchFile, IndexFile} {
		a, err1 := os.ReadFile(filepath.Join(one, name))
		b, err2 := os.ReadFile(filepath.Join(two, name))
		if err1 != nil || err2 != nil || len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s: written twice it differs or is empty (%v, %v)", name, err1, err2)
		}
	}
}
