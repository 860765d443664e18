// Package scenarios has the stories: what is built, what goes wrong, what is done about it, and what it may cost.
//
// A Scenario is a plain value whose Steps tell the story on a Stage; Play builds the pair, has clients write, plays the
// story, looks at every node when all is quiet, and leaves a folder that says what was. It judges nothing.
package scenarios

import (
	"context"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

// Scenario is one story. It names no procedure: a suite crosses scenarios with procedures, versions and commit levels.
type Scenario struct {
	Name      string
	Story     string                // what happens, one sentence
	Levels    []cluster.CommitLevel // the commit levels it makes sense for
	Budget    history.Budget        // what it may cost; MinBefore is set by Play
	AsyncLost int                   // with commit level async, instead of Budget.Lost
	Expect    history.Expect        // Missing is filled in by Play, from what the clients were told
	Settings  map[string]string     // additions to postgresql.conf
	NoArchive bool                  // no WAL archive on any node
	Rewinds   bool                  // the story is about a rewind: it makes no sense with a procedure that tries none
	Steps     func(ctx context.Context, s *Stage) error
}

// Setup is what a scenario is crossed with: all that a user may choose.
type Setup struct {
	Ready       image.Ready
	Labels      map[string]string // of the session
	Procedure   procedure.Procedure
	Level       cluster.CommitLevel
	Seed        uint64
	Repetition  int
	Clients     int
	Rate        float64           // operations a second in all
	Rows        int               // preloaded
	Backlog     int64             // bytes of WAL that the standby has received and not replayed when the first fault is injected
	NoChecksums bool              // nodes without data checksums
	MinBefore   int               // fewer acknowledged writes before the fault than this: the verdict is unknown
	Stock       *Stock            // has the pair of an earlier run of the same, and takes this one's for a later one; nil: always a fresh pair
	Last        bool              // no later run will want the pair
	Out         string            // the output folder; the run's own folder is made in it
	Keep        bool              // leave the pair running if the run goes wrong
	Settings    map[string]string // as the user gave them, for the manifest and the replay command
	Replay      string
	Log         func(step string, elapsed time.Duration) // a step begins, so long after the run began; may be nil
}

// All are the stories of the drill, in the order in which they are played.
func All() []Scenario {
	return []Scenario{
		SwitchoverFailback(), KillPrimary(), KillContainer(), CutThenKill(), CutSync(), SplitBrain(), RewindRefused(),
		RewindInterrupted(),
	}
}

// Fits says whether the story makes sense at a commit level and with a procedure.
func (s Scenario) Fits(level cluster.CommitLevel, by procedure.Procedure) bool {
	says, can := by.(procedure.Rewinding)
	if s.Rewinds && can && !says.Rewinds() {
		return false
	}
	return slices.Contains(s.Levels, level)
}

// budget is what the scenario may cost at a commit level.
func (s Scenario) budget(setup Setup) history.Budget {
	budget := s.Budget
	if setup.Level == cluster.Async {
		budget.Lost = s.AsyncLost
	}
	budget.MinBefore = setup.MinBefore
	return budget
}

// topology is what the scenario is played on.
func (s Scenario) topology(setup Setup) cluster.Topology {
	topology := cluster.Pair(setup.Level)
	topology.Settings, topology.NoArchive, topology.Rows, topology.NoChecksums = s.Settings, s.NoArchive, setup.Rows, setup.NoChecksums
	return topology
}

// expect is what must be found for the story to have happened.
func (s Scenario) expect(setup Setup) history.Expect {
	expect := s.Expect
	expect.NoChecksums = setup.NoChecksums
	return expect
}
