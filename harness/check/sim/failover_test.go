package sim_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/check/sim"
	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

var failovers = flag.Int("sim.failovers", 30, "histories with failovers, of each mode; make check-long asks for more")

// TestFailover: a copy that was behind takes over. Where any loss is allowed nothing may be called an error; where none is,
// loss must be found; and what is called lost must be lost.
func TestFailover(t *testing.T) {
	for _, mode := range []sim.Mode{sim.ReadCommitted, sim.Snapshot, sim.Strict} {
		for _, registers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, registers %v", mode, registers), func(t *testing.T) {
				for seed := range uint64(*failovers) {
					made := sim.Make(sim.Config{
						Seed: seed, Mode: mode, Registers: registers, Txns: 400, Keys: 4, Length: 10_000, Unknown: 0.02, Abort: 0.02, Failovers: 1 + int(seed%3),
					})
					if seed%2 == 1 {
						forgetTimelines(made)
					}
					failedOver(t, seed, made, registers)
				}
			})
		}
	}
}

// forgetTimelines leaves out what a client does not learn if the answer never came.
func forgetTimelines(made *sim.History) {
	for i := range made.Ops {
		if made.Ops[i].Outcome == history.Unknown {
			made.Ops[i].Timeline = 0
		}
	}
}

func failedOver(t *testing.T, seed uint64, made *sim.History, registers bool) {
	t.Helper()
	if len(made.Gone) == 0 {
		return // the copy was not behind
	}
	allowed, err := txn.Analyze(made.Ops, txn.Options{RealTime: true, Losable: -1})
	if err != nil {
		t.Fatal(err)
	}
	if allowed.Errors() > 0 {
		t.Errorf("seed %d: an error although any loss is allowed: %s", seed, short(allowed))
	}
	forbidden, err := txn.Analyze(made.Ops, txn.Options{RealTime: true})
	if err != nil {
		t.Fatal(err)
	}
	// A register may hide a loss: where nobody read it, and what has its version now was written by an unknown write.
	if lost := acknowledged(made); forbidden.Errors() < lost && (!registers || forbidden.Errors() < lost/2) {
		t.Errorf("seed %d: of %d acknowledged writes that are gone: %s", seed, lost, short(forbidden))
	}
	for _, g := range forbidden.Groups {
		for _, f := range g.Examples {
			if g.Errors > 0 && !slices.ContainsFunc(made.Ops[f.Ops[0]].Txn, func(a history.Access) bool { return a.Write && slices.Contains(made.Gone, a.Value) }) {
				t.Errorf("seed %d: %s of what is not gone: %s", seed, g.Anomaly, f.Why)
			}
		}
	}
}

// acknowledged counts the writes that are gone although their client had the answer.
func acknowledged(made *sim.History) int {
	n := 0
	for _, op := range made.Ops {
		for _, a := range op.Txn {
			if a.Write && op.Outcome == history.OK && slices.Contains(made.Gone, a.Value) {
				n++
			}
		}
	}
	return n
}
