package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

const (
	// backlogWithin bounds the making of a backlog, which is as fast as the primary can write.
	backlogWithin = 3 * time.Minute
	// backlogRows are inserted at once: somewhat less than a megabyte of WAL.
	backlogRows = 2000
)

// FallBehind has the standby receive as much WAL as the run asks for and replay none of it: what a standby that is slow to
// replay has still to do when it is to take over. Replay goes on at the moment before the first fault is injected, or before
// a planned switchover. The WAL is that of rows in a table of its own. Without Setup.Backlog nothing happens.
func (s *Stage) FallBehind(ctx context.Context) error {
	if s.setup.Backlog == 0 || s.behind != nil {
		return nil
	}
	s.log(fmt.Sprintf("a backlog of %d MB", s.setup.Backlog/1e6))
	standby, err := s.Standby(ctx)
	if err != nil {
		return err
	}
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, backlogWithin)
	defer cancel()
	s.behind = standby
	if err := standby.SQL(ctx, `select pg_wal_replay_pause()`); err != nil {
		return fmt.Errorf("make a backlog: %w", err)
	}
	if err := s.pile(ctx, primary, standby); err != nil {
		return fmt.Errorf("make a backlog: %w", err)
	}
	return nil
}

// pile writes on the primary until the standby has received enough. Its commits do not wait for the standby.
func (s *Stage) pile(ctx context.Context, primary, standby *cluster.Node) error {
	conn, err := primary.Connect(ctx, cluster.Admin)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `set synchronous_commit = local; create table crucible.backlog (filler text not null)`); err != nil {
		return err
	}
	for {
		received, paused, err := backlog(ctx, standby)
		if err != nil {
			return err
		}
		if paused && received >= s.setup.Backlog {
			return nil
		}
		if err := more(ctx, conn); err != nil {
			return err
		}
	}
}

func more(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `insert into crucible.backlog select repeat(md5(i::text), 10) from generate_series(1, $1::int) i`, backlogRows)
	return err
}

// backlog is how many bytes of WAL a standby has received and not replayed, and whether its replay has come to a stop.
func backlog(ctx context.Context, standby *cluster.Node) (bytes int64, paused bool, err error) {
	err = standby.Query(ctx, `select (pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn())::int8, pg_get_wal_replay_pause_state() = 'paused'`,
		nil, &bytes, &paused)
	return bytes, paused, err
}

// letGo has a standby that fell behind replay again, and records what it has still to do. Less than was asked for is an error:
// the run would be counted among those that had the backlog.
func (s *Stage) letGo(ctx context.Context) error {
	standby := s.behind
	if standby == nil || s.caughtUp {
		return nil
	}
	s.caughtUp = true
	bytes, paused, err := backlog(ctx, standby)
	if err == nil && (!paused || bytes < s.setup.Backlog) {
		err = fmt.Errorf("%s has %d bytes to replay (paused: %v), want %d", standby, bytes, paused, s.setup.Backlog)
	}
	err = errors.Join(err, standby.SQL(ctx, `select pg_wal_replay_resume()`))
	if err != nil {
		return fmt.Errorf("backlog: %w", err)
	}
	s.Mark(fmt.Sprintf("%s has %d bytes of WAL received and not replayed", standby, bytes))
	return nil
}
