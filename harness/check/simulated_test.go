package check

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/check/sim"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

var simulated = flag.Int("check.ops", 20_000, "operations of each simulated clean history; make check-long asks for a million")

// makers are the single-purpose histories, each with its checker and how many kinds of bugs can be planted in it.
var makers = []struct {
	name    string
	checker Optional
	bugs    int
	made    func(sim.Small) *history.Run
}{
	{"bank", Bank{}, 3, func(s sim.Small) *history.Run { return &history.Run{Ops: sim.Bank(s)} }},
	{"sequences", Sequences{}, 1, func(s sim.Small) *history.Run { return &history.Run{Ops: sim.Numbers(s)} }},
	{"standby, behind", StandbyReads{}, 1, func(s sim.Small) *history.Run { return &history.Run{Ops: sim.Standby(s, 20*time.Millisecond)} }},
	{"standby, remote_apply", StandbyReads{}, 3, func(s sim.Small) *history.Run {
		return &history.Run{Manifest: history.Manifest{Commit: "remote_apply"}, Ops: sim.Standby(s, 0)}
	}},
	{"two-phase", TwoPhase{}, 4, sim.TwoPhase},
}

// TestSimulatedClean: no false alarm.
func TestSimulatedClean(t *testing.T) {
	for _, m := range makers {
		t.Run(m.name, func(t *testing.T) {
			for _, size := range []int{50, 500, *simulated} {
				run := m.made(sim.Small{Seed: uint64(size), Ops: size, Unknown: 0.02, Fail: 0.05})
				if got := m.checker.Check(run); !m.checker.Applies(run) || got.Status != history.Pass {
					t.Errorf("%d operations: %s: %s", size, got.Status, got.Sentence)
				}
			}
		})
	}
}

// TestSimulatedBugs: every planted bug is found, in every history.
func TestSimulatedBugs(t *testing.T) {
	for _, m := range makers {
		for which := range m.bugs {
			t.Run(fmt.Sprintf("%s, bug %d", m.name, which), func(t *testing.T) {
				for seed := range uint64(40) {
					unknown := 0.02
					if m.name == "bank" && which == sim.LostTransfer {
						unknown = 0 // an unknown transfer could be what is missing
					}
					run := m.made(sim.Small{Seed: seed, Ops: 600, Unknown: unknown, Fail: 0.05, Bug: true, Which: which})
					if got := m.checker.Check(run); got.Status != history.Fail || len(got.Witness) == 0 {
						t.Errorf("seed %d: %s: %s", seed, got.Status, got.Sentence)
					}
				}
			})
		}
	}
}

// TestSimulatedRegisters: strict histories are linearizable, and what a bug breaks of one register is found.
func TestSimulatedRegisters(t *testing.T) {
	for seed := range uint64(20) {
		config := sim.Config{Seed: seed, Mode: sim.Strict, Registers: true, Txns: 1500, Unknown: 0.02, Abort: 0.02}
		if got := (Linearizable{}).Check(&history.Run{Ops: sim.Make(config).Ops}); got.Status != history.Pass {
			t.Errorf("seed %d: %s: %s", seed, got.Status, got.Sentence)
		}
		for _, bug := range []sim.Bug{sim.LostWrite, sim.StaleRead, sim.VisibleLost} {
			config.Bug, config.Plant = bug, 40
			made := sim.Make(config)
			if got := (Linearizable{}).Check(&history.Run{Ops: made.Ops}); made.Planted == 0 || got.Status != history.Fail {
				t.Errorf("seed %d: %s planted %d times: %s: %s", seed, bug, made.Planted, got.Status, got.Sentence)
			}
		}
	}
}

// TestSimulatedRegistersAfterLoss: what survived a failover is linearizable, and with what was lost it is not.
func TestSimulatedRegistersAfterLoss(t *testing.T) {
	lossy := 0
	for seed := range uint64(60) {
		made := sim.Make(sim.Config{Seed: seed, Mode: sim.Strict, Registers: true, Txns: 600, Keys: 3, Length: 10_000, Unknown: 0.02, Abort: 0.02, Failovers: 2})
		run := &history.Run{Ops: made.Ops}
		run.Budget.Lost = -1
		if got := (Linearizable{}).Check(run); got.Status != history.Pass {
			t.Errorf("seed %d: %s: %s", seed, got.Status, got.Sentence)
		}
		run.Budget.Lost = 0
		if len(made.Gone) > 0 && (Linearizable{}).Check(run).Status == history.Fail {
			lossy++
		}
	}
	if lossy < 30 {
		t.Errorf("only %d of 60 histories with loss were not linearizable", lossy)
	}
}
