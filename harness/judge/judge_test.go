package judge

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder without a judgement: %v", err)
	}
	want := Of(handmade.CutThenKill())
	if want.Overall() != history.Pass || want.Phases.Loss.Lost != 50 {
		t.Fatalf("%s, %d lost", want.Overall(), want.Phases.Loss.Lost)
	}
	if err := Write(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read back: %v\n%+v\n%+v", err, got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, history.VerdictsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil {
		t.Error("half a file is a judgement")
	}
}
