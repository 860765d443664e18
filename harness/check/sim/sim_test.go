package sim_test

import (
	"flag"
	"fmt"
	"reflect"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/check/sim"
	"github.com/pgcrucible/pgcrucible/harness/check/txn"
)

var txns = flag.Int("sim.txns", 20_000, "transactions of each simulated history; make check-long asks for a million")

func allModes() []sim.Mode {
	return []sim.Mode{sim.None, sim.ReadCommitted, sim.Snapshot, sim.Serializable, sim.Strict}
}

func analyze(t testing.TB, mode sim.Mode, made *sim.History) *txn.Report {
	t.Helper()
	report, err := txn.Analyze(made.Ops, txn.Options{RealTime: mode != sim.Serializable})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestCleanHistories: no false alarm, and each mode really shows what it allows: else the silence would prove nothing.
func TestCleanHistories(t *testing.T) {
	shows := map[sim.Mode][]txn.Anomaly{
		sim.None:          {txn.G0, txn.G1a},
		sim.ReadCommitted: {txn.LostUpdate},
		sim.Snapshot:      {txn.G2},
		sim.Serializable:  {txn.Stale},
	}
	for _, mode := range allModes() {
		for _, registers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, registers %v", mode, registers), func(t *testing.T) {
				made := sim.Make(sim.Config{Seed: 7, Mode: mode, Registers: registers, Txns: *txns, Unknown: 0.02, Abort: 0.02})
				report := analyze(t, mode, made)
				if report.Errors() > 0 || report.Committed < *txns/10 || report.Edges < *txns/10 || report.Resolved == 0 {
					t.Errorf("errors, or too little: %+v", short(report))
				}
				for _, name := range shows[mode] {
					if report.Find(name) == nil {
						t.Errorf("no %s in %+v", name, short(report))
					}
				}
				if held, _ := report.Held(); mode == sim.Strict && held != txn.Strict {
					t.Errorf("strict, but: %+v", short(report))
				}
			})
		}
	}
}

// TestPlantedBugs: each is found by its name, whatever else it breaks.
func TestPlantedBugs(t *testing.T) {
	names := map[sim.Bug][]txn.Anomaly{
		sim.LostWrite:   {txn.Lost},
		sim.DirtyRead:   {txn.G1a},
		sim.StaleRead:   {txn.Stale},
		sim.LongFork:    {txn.LongFork},
		sim.Duplicated:  {txn.Duplicated},
		sim.Reordered:   {txn.Reordered},
		sim.Resurrected: {txn.Resurrected},
		sim.VisibleLost: {txn.VisibleLost},
	}
	for _, bug := range sim.Bugs() {
		for _, mode := range []sim.Mode{sim.ReadCommitted, sim.Snapshot, sim.Strict} {
			if bug == sim.LongFork && mode == sim.ReadCommitted {
				continue // allowed there
			}
			t.Run(fmt.Sprintf("%s under %s", bug, mode), func(t *testing.T) {
				for seed := range uint64(10) {
					found(t, names[bug][0], sim.Config{Seed: seed, Mode: mode, Txns: 2000, Abort: 0.02, Bug: bug, Plant: 1})
				}
			})
		}
	}
}

// TestPlantedBugsOfRegisters: a register holds one value and cannot show all of them.
func TestPlantedBugsOfRegisters(t *testing.T) {
	for bug, name := range map[sim.Bug]txn.Anomaly{
		sim.LostWrite: txn.Lost, sim.DirtyRead: txn.G1a, sim.StaleRead: txn.Stale, sim.LongFork: txn.LongFork, sim.VisibleLost: txn.VisibleLost,
	} {
		t.Run(string(bug), func(t *testing.T) {
			for seed := range uint64(10) {
				found(t, name, sim.Config{Seed: seed, Mode: sim.Snapshot, Registers: true, Txns: 2000, Abort: 0.02, Bug: bug, Plant: 1})
			}
		})
	}
}

// found makes a history with a bug and demands that it is called an error by its name.
func found(t *testing.T, name txn.Anomaly, config sim.Config) {
	t.Helper()
	made := sim.Make(config)
	if made.Planted == 0 {
		t.Errorf("seed %d: not planted", config.Seed)
		return
	}
	report := analyze(t, config.Mode, made)
	if g := report.Find(name); g == nil || g.Errors == 0 {
		t.Errorf("seed %d: planted %d, found %+v", config.Seed, made.Planted, short(report))
	}
}

func TestSameSeedSameHistory(t *testing.T) {
	config := sim.Config{Seed: 3, Mode: sim.Snapshot, Txns: 500, Unknown: 0.1, Abort: 0.1}
	a, b := sim.Make(config), sim.Make(config)
	if !reflect.DeepEqual(a, b) {
		t.Error("two histories of one seed differ")
	}
	config.Seed = 4
	if reflect.DeepEqual(a, sim.Make(config)) {
		t.Error("two seeds give the same history")
	}
}

func short(r *txn.Report) string {
	text := fmt.Sprintf("%d transactions, %d committed, %d resolved, %d edges, largest component %d:", r.Txns, r.Committed, r.Resolved, r.Edges, r.Largest)
	for _, g := range r.Groups {
		text += fmt.Sprintf(" %s %d/%d", g.Anomaly, g.Errors, g.Total)
		if g.Errors > 0 && len(g.Examples) > 0 {
			text += " (" + g.Examples[0].Why + ")"
		}
	}
	return text
}
