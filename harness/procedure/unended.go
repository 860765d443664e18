package procedure

import (
	"context"
	"strconv"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// unended says what to do with a folder whose recovery has not ended: a standby's that crashed, or one that was rewound and has not been
// started yet. It must not be given to pg_rewind, which first has PostgreSQL recover what was not shut down: that would end the recovery
// on the timeline that the folder is on, which is the primary's own, with a checkpoint that the primary does not have. pg_rewind then sees
// one timeline and says that no rewind is required.
func unended(ctx context.Context, old, primary *cluster.Node) (back Rejoined, recovering bool, err error) {
	control, err := old.ControlData(ctx)
	if err != nil || control.State != "in archive recovery" {
		return Rejoined{}, false, nil //nolint:nilerr // what cannot be read pg_rewind refuses
	}
	timeline, err := primary.Timeline(ctx)
	if err != nil {
		return Rejoined{}, true, err
	}
	at, err := primary.LSN(ctx)
	if err != nil {
		return Rejoined{}, true, err
	}
	return goesOn(control, timeline, at), true, nil
}

// goesOn is how a folder in recovery comes back to a primary that is at a position of a timeline. One that has come so far on that
// timeline, and no further than the primary, has nothing of its own.
func goesOn(control pg.ControlData, timeline pg.Timeline, at pg.LSN) Rejoined {
	on := control.Fields["Min recovery ending loc's timeline"]
	if on == strconv.FormatUint(uint64(timeline), 10) && control.MinRecovery <= at {
		return Rejoined{How: NoOp}
	}
	return Rejoined{How: Rebuilt, Reason: "its recovery had not ended, at " + control.MinRecovery.String() + " on timeline " + on +
		": a rewind would end it, and what it has may not be the primary's"}
}
