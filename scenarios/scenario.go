// Package scenarios has the stories: what is built, what goes wrong, what is done about it, and what it may cost.
package scenarios

import (
	"context"
	"errors"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

// Scenario is one story. It names no procedure: a suite crosses scenarios with procedures, versions and commit levels.
type Scenario struct {
	Name     string
	Story    string                // what happens, one sentence
	Levels   []cluster.CommitLevel // the commit levels it makes sense for
	Budget   history.Budget
	Expect   history.Expect
	Settings map[string]string // additions to postgresql.conf
	Steps    func(ctx context.Context, s *Stage) error
}

// Setup is what a scenario is crossed with: all that a user may choose.
type Setup struct {
	Ready      image.Ready
	Labels     map[string]string // of the session
	Procedure  procedure.Procedure
	Level      cluster.CommitLevel
	Seed       uint64
	Repetition int
	Clients    int
	Rate       float64           // operations a second in all
	Rows       int               // preloaded
	MinBefore  int               // fewer acknowledged writes before the fault than this: the verdict is unknown
	Out        string            // the output folder; the run's own folder is made in it
	Keep       bool              // leave the pair running if the run goes wrong
	Settings   map[string]string // as the user gave them, for the manifest and the replay command
	Replay     string
	Log        func(step string, elapsed time.Duration)
}

// Play plays a story and returns the run's folder, which holds what was recorded even if err is not nil.
// It judges nothing: history.Load the folder, then check.Judge and timing.Of.
func Play(ctx context.Context, scenario Scenario, setup Setup) (dir string, err error) {
	return "", errors.New("not built yet")
}

// All are the stories of the drill.
func All() []Scenario { return nil }

// Stage is what a story plays on.
type Stage struct{}
