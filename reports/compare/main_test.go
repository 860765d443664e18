package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// report writes a report.json of ten runs with outages around the one given.
func report(t *testing.T, outage float64) string {
	t.Helper()
	var runs []string
	for i := range 10 {
		runs = append(runs, fmt.Sprintf(`{"scenario":"kill-primary","version":"17.11","status":"pass","measures":{"s/rto":%g}}`, outage+float64(i)/1000))
	}
	dir := t.TempDir()
	text := `{"format":1,"runs":[` + strings.Join(runs, ",") + `]}`
	if err := os.WriteFile(filepath.Join(dir, "report.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestExitStatus(t *testing.T) {
	fast, slow := report(t, 0.18), report(t, 0.25)
	for _, c := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{fast, fast}, good, "no difference"},
		{[]string{fast, slow}, good, "WORSE"},
		{[]string{"-fail-on", "regression", fast, slow}, regression, "That is a regression."},
		{[]string{"-fail-on", "regression", filepath.Join(slow, "report.json"), fast}, good, "BETTER"},
		{[]string{fast}, couldNot, "usage"},
		{[]string{"-fail-on", "rain", fast, slow}, couldNot, "usage"},
		{[]string{fast, "/nowhere"}, couldNot, "/nowhere"},
	} {
		var out bytes.Buffer
		if got := run(c.args, &out, &out); got != c.want || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: status %d, want %d; says %q", c.args, got, c.want, out.String())
		}
	}
}
