package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// quietWithin bounds the moment in which the clients are held: they wait longer than that for an answer.
const quietWithin = 10 * time.Second

// InjectBetweenWrites injects a fault between two writes: a lock on the ledger holds the clients, the standby confirms that
// it has everything, the fault is injected and verified, the lock is let go. From then on it is certain which writes only
// the primary has: those acknowledged past this edge, and no others. Without it, writes under way at the moment of the
// fault might be on either side.
func (s *Stage) InjectBetweenWrites(ctx context.Context, f fault.Fault) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	standby, err := s.Standby(ctx)
	if err != nil {
		return err
	}
	conn, err := primary.Connect(ctx, cluster.Admin)
	if err != nil {
		return fmt.Errorf("hold the clients: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, quietWithin)
	defer cancel()
	return pgx.BeginFunc(ctx, conn, func(hold pgx.Tx) error {
		if _, err := hold.Exec(ctx, `lock table app.ledger in exclusive mode`); err != nil {
			return fmt.Errorf("hold the clients: %w", err)
		}
		e, err := edgeOf(ctx, hold, primary)
		if err != nil {
			return err
		}
		if err := confirmed(ctx, standby, e.lsn); err != nil {
			return err
		}
		s.edge = &e
		return s.Inject(ctx, f)
	})
}

// edgeOf is the end of what is on the primary's disk. All commits before the lock are in front of it, since each was flushed
// before it was acknowledged; every row after the lock is behind it. (The insert position would not do: just after a page's
// header it is ahead of all that will be sent until somebody writes.)
func edgeOf(ctx context.Context, hold pgx.Tx, primary *cluster.Node) (edge, error) {
	e := edge{node: primary.Name()}
	var timeline int64
	var text string
	err := hold.QueryRow(ctx, `select ('x' || left(pg_walfile_name(l), 8))::bit(32)::int8, l::text from pg_current_wal_flush_lsn() l`).Scan(&timeline, &text)
	if err != nil {
		return e, fmt.Errorf("find the edge: %w", err)
	}
	e.timeline = pg.Timeline(timeline) //nolint:gosec // 32 bits
	e.lsn, err = pg.ParseLSN(text)
	return e, err
}

// confirmed waits until the standby has received all up to a position.
func confirmed(ctx context.Context, standby *cluster.Node, lsn pg.LSN) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var there bool
		err := standby.Query(ctx, `select coalesce(pg_last_wal_receive_lsn() >= $1::pg_lsn, false)`, []any{lsn.String()}, &there)
		if err == nil && there {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to receive all up to %s: %w", standby, lsn, errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}
