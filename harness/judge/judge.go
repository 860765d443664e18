// Package judge puts together what is made of a run: all verdicts and the phases. It is a pure function of the run, so
// that judging again later gives the same bytes.
package judge

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pgcrucible/pgcrucible/harness/check"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/timing"
)

// Judgement is what is made of a run.
type Judgement struct {
	Verdicts []history.Verdict `json:"verdicts"`
	Phases   history.Phases    `json:"phases"`
}

// Of judges a run by every checker and takes its phases.
func Of(run *history.Run) Judgement {
	return Judgement{Verdicts: check.Judge(run, check.All()), Phases: timing.Of(run)}
}

// Overall is the worst of the verdicts.
func (j Judgement) Overall() history.Status { return check.Overall(j.Verdicts) }

// Write puts a judgement into the run's folder, whole or not at all.
func Write(dir string, j Judgement) error {
	return history.WriteJSON(filepath.Join(dir, history.VerdictsFile), j)
}

// Read reads what Write wrote. A folder that was not judged yet gives an error that is os.ErrNotExist.
func Read(dir string) (Judgement, error) {
	var j Judgement
	text, err := os.ReadFile(filepath.Join(dir, history.VerdictsFile))
	if err != nil {
		return j, fmt.Errorf("read verdicts: %w", err)
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return j, fmt.Errorf("read %s: %w", filepath.Join(dir, history.VerdictsFile), err)
	}
	return j, nil
}
