package judge

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pgcrucible/pgcrucible/harness/check"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Draw puts porcupine's page of a run with registers into its folder: of the register that is wrong, or else of one around the first
// fault. Where there is nothing to draw, a page of an earlier judgement is removed.
func Draw(dir string, run *history.Run) error {
	path := filepath.Join(dir, history.LinearFile)
	if !(check.Linearizable{}).Applies(run) {
		return gone(path)
	}
	var page bytes.Buffer
	drawn, err := check.LinearizablePicture(&page, run)
	if err != nil || !drawn {
		return gone(path) // a history that is not well-formed has its own verdict
	}
	if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("draw the registers: %w", err)
	}
	return nil
}

func gone(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the picture of the registers: %w", err)
	}
	return nil
}
