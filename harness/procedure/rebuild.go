package procedure

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// rebuild replaces the data folder's contents by a base backup of the primary, its WAL streamed through the node's own slot.
// It returns how many bytes were copied.
func (m Manual) rebuild(ctx context.Context, c *cluster.Cluster, old, primary *cluster.Node, reason string) (bytes int64, err error) {
	err = c.Recorder().Do(history.SpanRebuild, old.Name(), func(span *history.Span) error {
		ctx, cancel := context.WithTimeoutCause(ctx, m.copying(), errStep)
		defer cancel()
		span.Values = map[string]string{"reason": reason}
		if err := setSentinel(ctx, old, "a base backup of "+primary.Name()+" has begun: "+reason); err != nil {
			return err
		}
		if _, err := old.Shell(ctx, emptyScript, old.DataDir()); err != nil {
			return fmt.Errorf("empty the data folder: %w", err)
		}
		ended, err := m.backup(ctx, old, primary)
		if err != nil {
			return err
		}
		if ended.status != 0 {
			return fmt.Errorf("pg_basebackup: exit status %d: %s", ended.status, Refusal(ended.output))
		}
		progress, _ := ParseProgress(ended.output)
		bytes = progress.Done
		span.Values["bytes"] = strconv.FormatInt(bytes, 10)
		return nil
	})
	if err != nil {
		return bytes, fmt.Errorf("rebuild: %w", err)
	}
	return bytes, nil
}

// The folder itself stays: it may be a mount point.
const emptyScript = `cd "$1" && rm -rf -- ..?* .[!.]* *`

func (m Manual) backup(ctx context.Context, old, primary *cluster.Node) (state, error) {
	run, err := start(ctx, old, "backup", "pg_basebackup", "--pgdata="+old.DataDir(), "--dbname="+primary.Conninfo(cluster.Replica),
		"--no-password", "--wal-method=stream", "--slot="+old.PeerSlot(), "--checkpoint=fast", "--progress")
	if err != nil {
		return state{}, err
	}
	points := newSteps(DuringBackup)
	if points.total, err = databaseSize(ctx, primary); err != nil {
		return state{}, err
	}
	return run.wait(ctx, func(s state) error { return m.reach(ctx, run, points, s) })
}

// databaseSize is about what a base backup copies; pg_basebackup says its own estimate too late.
func databaseSize(ctx context.Context, n *cluster.Node) (bytes int64, err error) {
	err = n.Query(ctx, `select sum(pg_database_size(oid))::int8 from pg_database`, nil, &bytes)
	return bytes, err
}
