package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// PauseReplay has a standby receive WAL and not replay it.
//
// It imitates a standby on which somebody paused replay for a report and forgot it, and one whose replay is held up by a conflict or
// cannot keep pace: what it has received is safe, what it shows is old, and commits at remote_apply wait.
//
// Mechanism: pg_wal_replay_pause(). It does not stop the standby from receiving or from acknowledging what is on its disk, and a
// promotion ends it.
//
// It heals by Revert, by a promotion, or by a restart; after the tester's death by `make heal`.
type PauseReplay struct{ Target Target }

// String is "pause-replay(standby)".
func (f PauseReplay) String() string { return "pause-replay(" + f.Target.String() + ")" }

// Supported is always true.
func (f PauseReplay) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a pause: that what is received is not replayed can be seen only while it streams.
func (f PauseReplay) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String(), wordPrimary}, Holds: bothLinks()}
}

// Bind finds the standby.
func (f PauseReplay) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, "pause-replay", f.Target, cluster.Standby)
	if err != nil {
		return nil, err
	}
	return &pausedReplay{onNode: on}, nil
}

type pausedReplay struct {
	onNode
	at string // the position at which replay stands; empty until it was seen to
}

const resumeScript = `printf '%s\n' 'SELECT pg_wal_replay_resume() WHERE pg_is_in_recovery()' | psql -qAtX -v ON_ERROR_STOP=1 >/dev/null`

// Undo resumes.
func (b *pausedReplay) Undo() []intent.Action {
	return []intent.Action{runScript(b.node, resumeScript)}
}

func (b *pausedReplay) Inject(ctx context.Context) (Active, error) {
	return b, b.node.SQL(ctx, `select pg_wal_replay_pause()`)
}

// Verify sees that replay says it is paused and stands still. The first time it also waits until WAL has been received that is
// not replayed, which is the control too: receiving goes on.
func (b *pausedReplay) Verify(ctx context.Context) (Evidence, error) {
	if b.at == "" {
		return b.verifyFirst(ctx)
	}
	state, replayed, _, err := b.look(ctx)
	switch {
	case err != nil:
		return Evidence{}, err
	case state != "paused":
		return Evidence{}, fmt.Errorf("replay of %s is %s", b.node, state)
	case replayed != b.at:
		return Evidence{}, fmt.Errorf("replay of %s went on from %s to %s", b.node, b.at, replayed)
	}
	return b.evidence(), nil
}

func (b *pausedReplay) verifyFirst(ctx context.Context) (Evidence, error) {
	err := await(ctx, "replay to stand still while WAL is received", func(ctx context.Context) (string, error) {
		state, replayed, ahead, err := b.look(ctx)
		if err != nil || state != "paused" {
			b.at = ""
			return "replay is " + state, err
		}
		if replayed != b.at { // paused is a position that does not move any more
			b.at = replayed
			return "it has just come to " + replayed, b.write(ctx)
		}
		if !ahead {
			return "nothing has been received beyond " + replayed, b.write(ctx)
		}
		return "", nil
	})
	if err != nil {
		b.at = ""
		return Evidence{}, err
	}
	return b.evidence(), nil
}

func (b *pausedReplay) evidence() Evidence {
	return Evidence{
		Effect:  "replay of " + b.node.Name() + " is paused and stands at " + b.at,
		Control: "WAL beyond it is received",
		Values:  map[string]string{"mechanism": "pg_wal_replay_pause", "replayed": b.at},
	}
}

func (b *pausedReplay) look(ctx context.Context) (state, replayed string, ahead bool, err error) {
	err = b.node.Query(ctx, `select case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() else 'over: it was promoted' end,
		coalesce(pg_last_wal_replay_lsn(), '0/0')::text, coalesce(pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn(), false)`,
		nil, &state, &replayed, &ahead)
	return state, replayed, ahead, err
}

// write has the primary write something that is then received.
func (b *pausedReplay) write(ctx context.Context) error {
	primary, err := b.cluster.Primary(ctx)
	if err != nil {
		return err
	}
	_, err = b.cluster.Mark(ctx, primary)
	return err
}

// Revert resumes replay; who does not run or was promoted does not pause.
func (b *pausedReplay) Revert(ctx context.Context) error {
	standby, err := hasRole(ctx, b.node, cluster.Standby)
	if err != nil || !standby {
		return err
	}
	return b.node.SQL(ctx, `select pg_wal_replay_resume() where pg_is_in_recovery()`)
}

// VerifyReverted sees that replay is not paused.
func (b *pausedReplay) VerifyReverted(ctx context.Context) (Evidence, error) {
	standby, err := hasRole(ctx, b.node, cluster.Standby)
	if err != nil {
		return Evidence{}, err
	}
	if !standby {
		return Evidence{Effect: b.node.Name() + " is no standby any more"}, nil
	}
	return Evidence{Effect: "replay of " + b.node.Name() + " is not paused"},
		await(ctx, "replay to be resumed", func(ctx context.Context) (string, error) {
			state, _, _, err := b.look(ctx)
			if err == nil && state != "not paused" {
				return "it is " + state, nil
			}
			return "", err
		})
}
