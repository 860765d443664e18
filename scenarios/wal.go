package scenarios

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// MoveWAL has a primary's WAL go on into further segments, with writes in each, so that its last checkpoint lies behind.
func (s *Stage) MoveWAL(ctx context.Context, primary *cluster.Node, segments int) error {
	if err := primary.SQL(ctx, `checkpoint`); err != nil {
		return fmt.Errorf("checkpoint on %s: %w", primary, err)
	}
	for range segments {
		if err := primary.SQL(ctx, `select pg_switch_wal()`); err != nil {
			return fmt.Errorf("switch WAL on %s: %w", primary, err)
		}
		if err := s.AcknowledgedBy(ctx, primary, 1); err != nil {
			return err
		}
	}
	return nil
}

// RecycleWAL has a primary drop the slots that nobody uses and take a checkpoint, after which the WAL before it is gone unless
// wal_keep_size says otherwise. It is an error if it is still there.
func (s *Stage) RecycleWAL(ctx context.Context, primary *cluster.Node) error {
	var oldest, kept string
	err := primary.Query(ctx, `select min(name) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'`, nil, &oldest)
	if err != nil {
		return fmt.Errorf("look at the WAL of %s: %w", primary, err)
	}
	for _, statement := range []string{
		`select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where active`,
		`select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active`,
		`select pg_switch_wal()`,
		`checkpoint`,
	} {
		if err := primary.SQL(ctx, statement); err != nil {
			return fmt.Errorf("recycle the WAL of %s: %w", primary, err)
		}
	}
	err = primary.Query(ctx, `select min(name) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'`, nil, &kept)
	if err == nil && kept <= oldest {
		err = fmt.Errorf("%s is still there", oldest)
	}
	if err != nil {
		return fmt.Errorf("recycle the WAL of %s: %w", primary, err)
	}
	s.Mark(fmt.Sprintf("the WAL of %s begins with %s, before with %s", primary, kept, oldest))
	return nil
}
