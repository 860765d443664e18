// Package scenarios has the stories: what is built, what goes wrong, what is done about it, and what it may cost.
package scenarios

import (
	"context"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
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

// Stage is what a story plays on.
type Stage struct{}
