package front

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
	"github.com/pgcrucible/pgcrucible/harness/settings"
	"github.com/pgcrucible/pgcrucible/scenarios"
)

// Case is one cell of the matrix: a scenario by a procedure at a commit level, once.
type Case struct {
	Scenario   scenarios.Scenario
	Procedure  procedure.Procedure
	Level      cluster.CommitLevel
	Repetition int // from 1
}

// String names the case as a spec is named.
func (c Case) String() string {
	return fmt.Sprintf("%s, run %d", c.kind(), c.Repetition)
}

// kind is the case without the number of its repetition.
func (c Case) kind() string {
	return fmt.Sprintf("%s, %s, %s", c.Scenario.Name, c.Procedure.Name(), c.Level)
}

// Cases crosses scenarios, procedures, commit levels and repetitions as the settings ask. What a scenario makes no sense for
// is left out; remote_apply is played only when it is asked for.
func Cases(s settings.Settings) []Case {
	var cases []Case
	for _, scenario := range known() {
		if len(s.Scenarios) > 0 && !slices.Contains(s.Scenarios, scenario.Name) {
			continue
		}
		for _, by := range procedure.Included() {
			if slices.Contains(s.Procedures, by.Name()) {
				cases = append(cases, casesOf(scenario, by, s)...)
			}
		}
	}
	return cases
}

func casesOf(scenario scenarios.Scenario, by procedure.Procedure, s settings.Settings) []Case {
	var cases []Case
	for _, level := range scenario.Levels {
		if !wanted(s.Commit, level) || !scenario.Fits(level, by) {
			continue
		}
		for repetition := 1; repetition <= s.Runs; repetition++ {
			cases = append(cases, Case{Scenario: scenario, Procedure: by, Level: level, Repetition: repetition})
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

// check refuses settings that nothing can be played with, before anything starts.
func check(s settings.Settings) error {
	var stories, procedures []string
	for _, one := range known() {
		stories = append(stories, one.Name)
	}
	for _, one := range procedure.Included() {
		procedures = append(procedures, one.Name())
	}
	if err := s.CheckNames(stories, procedures); err != nil {
		return err
	}
	if len(Cases(s)) == 0 {
		return fmt.Errorf("SCENARIO, PROCEDURE and COMMIT: none of %s makes sense by %s at %s", list(s.Scenarios, "the scenarios"),
			list(s.Procedures, "any procedure"), list(s.Commit, "its commit levels"))
	}
	return nil
}

// list is what was asked for in words; nothing was asked if it is empty.
func list[T ~string](asked []T, all string) string {
	if len(asked) == 0 {
		return all
	}
	words := make([]string, len(asked))
	for i, one := range asked {
		words[i] = string(one)
	}
	return strings.Join(words, ", ")
}
