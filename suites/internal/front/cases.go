package front

import (
	"fmt"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/settings"
	"github.com/pgcrucible/pgcrucible/scenarios"
)

// Case is one cell of the matrix: a scenario at a commit level, once.
type Case struct {
	Scenario   scenarios.Scenario
	Level      cluster.CommitLevel
	Repetition int // from 1
}

// String names the case as a spec is named.
func (c Case) String() string {
	return fmt.Sprintf("%s, %s, run %d", c.Scenario.Name, c.Level, c.Repetition)
}

// Cases crosses scenarios, commit levels and repetitions as the settings ask. A level that a scenario makes no sense for is
// left out; remote_apply is played only when it is asked for.
func Cases(s settings.Settings) []Case {
	var cases []Case
	for _, scenario := range known() {
		if len(s.Scenarios) > 0 && !slices.Contains(s.Scenarios, scenario.Name) {
			continue
		}
		for _, level := range scenario.Levels {
			if !wanted(s.Commit, level) {
				continue
			}
			for repetition := 1; repetition <= s.Runs; repetition++ {
				cases = append(cases, Case{Scenario: scenario, Level: level, Repetition: repetition})
			}
		}
	}
	return cases
}

func wanted(asked []cluster.CommitLevel, level cluster.CommitLevel) bool {
	if len(asked) == 0 {
		return level != cluster.RemoteApply
	}
	return slices.Contains(asked, level)
}

func known() []scenarios.Scenario { return scenarios.All() }

func names(of []scenarios.Scenario) []string {
	var all []string
	for _, s := range of {
		all = append(all, s.Name)
	}
	return all
}
