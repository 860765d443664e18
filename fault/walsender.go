package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// TerminateWALSender ends the walsenders of a primary as an administrator does: the standbys lose their connection and make another.
//
// It imitates pg_terminate_backend by hand or by a script that clears "old" sessions, and wal_sender_timeout striking. What the
// walsender had not sent is sent over the next connection.
//
// Mechanism: SIGTERM through pg_terminate_backend. Unlike a kill -9 of the same process it does not restart PostgreSQL, and it does not
// keep the standby away: that takes a cut, or EmptyConninfo.
//
// It is momentary, and heals by itself with the standby's next attempt to connect (wal_retrieve_retry_interval).
type TerminateWALSender struct{ Target Target }

// String is "terminate-walsender(primary)".
func (f TerminateWALSender) String() string { return "terminate-walsender(" + f.Target.String() + ")" }

// Supported is always true.
func (f TerminateWALSender) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of the end of a walsender: there must be one.
func (f TerminateWALSender) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String(), wordStandby}, Holds: steadyLinks()}
}

// Bind finds the walsenders that send to a standby.
func (f TerminateWALSender) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, "terminate-walsender", f.Target, "")
	if err != nil {
		return nil, err
	}
	b := &endedWALSender{onNode: on}
	err = b.node.Query(ctx, `select coalesce((select array_agg(pid) from pg_stat_replication where state in ('streaming', 'catchup')), '{}'), `+lives,
		nil, &b.pids, &b.life)
	if err != nil {
		return nil, err
	}
	if len(b.pids) == 0 {
		return nil, fmt.Errorf("%w: no walsender on %s sends to a standby", ErrNoTarget, b.node)
	}
	if b.from, err = b.node.LogSize(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// lives is since when PostgreSQL's own processes live: it changes when they restart after a crash of one of them, although
// the postmaster stays.
const lives = `(select backend_start from pg_stat_activity where backend_type = 'checkpointer')`

type endedWALSender struct {
	onNode
	pids []int
	life time.Time
	from int64 // in the log
	at   time.Time
}

func (b *endedWALSender) Momentary() {}

func (b *endedWALSender) Inject(ctx context.Context) (Active, error) {
	b.at = time.Now()
	return b, b.node.SQL(ctx, `select pg_terminate_backend(pid) from unnest($1::int[]) pid`, b.pids)
}

// Verify sees that the victims are gone and that the log says why. Control: PostgreSQL's other processes are the same as before.
func (b *endedWALSender) Verify(ctx context.Context) (Evidence, error) {
	err := await(ctx, "the end of the walsender", func(ctx context.Context) (string, error) {
		left, err := asked[int](ctx, b.node, `select count(*) from pg_stat_activity where pid = any($1) and backend_type = 'walsender'`, b.pids)
		if err == nil && left > 0 {
			return fmt.Sprintf("%d of walsenders %v are still there", left, b.pids), nil
		}
		return "", err
	})
	if err != nil {
		return Evidence{}, err
	}
	for _, pid := range b.pids {
		said, err := logged(ctx, b.node, b.from, pid, "57P01 FATAL")
		if err != nil {
			return Evidence{}, err
		}
		if !said {
			return Evidence{}, fmt.Errorf("walsender %d of %s is gone, but not because an administrator ended it", pid, b.node)
		}
	}
	life, err := asked[time.Time](ctx, b.node, `select `+lives)
	if err == nil && !life.Equal(b.life) {
		err = fmt.Errorf("the fault reaches further than it should: all processes of %s were restarted", b.node)
	}
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{
		At: b.at, Effect: fmt.Sprintf("walsender %v of %s is gone, ended by an administrator as its log says", b.pids, b.node),
		Control: "the other processes of " + b.node.Name() + " are the same as before",
		Values:  map[string]string{"mechanism": "pg_terminate_backend", "pids": fmt.Sprint(b.pids)},
	}, nil
}

// Revert has nothing to do.
func (b *endedWALSender) Revert(context.Context) error { return nil }

// VerifyReverted says that the standby connects again by itself.
func (b *endedWALSender) VerifyReverted(context.Context) (Evidence, error) {
	return Evidence{Effect: "nothing to revert: the standby connects again by itself"}, nil
}
