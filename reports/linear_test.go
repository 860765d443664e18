package reports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// The page leads to the picture of a register where one lies beside it, and nowhere else.
func TestTimelineLinksThePictureOfARegister(t *testing.T) {
	r := killPrimary(made{})
	r.Dir = filepath.Join(t.TempDir(), "run")
	if page := pageOf(t, r); strings.Contains(page, history.LinearFile) {
		t.Error("a link to a picture that is not there")
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, history.LinearFile), []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if page := pageOf(t, r); !strings.Contains(page, `<a href="`+history.LinearFile+`">`) {
		t.Error("no link to the picture")
	}
}
