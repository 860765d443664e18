package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// reader reads one node.
type reader struct {
	node  *cluster.Node
	conn  *pgx.Conn // to the database of the workloads; nil if the node does not answer
	state history.NodeState
	errs  map[string]error // what could not be read, by what it is; a later reading replaces an earlier one's
	// horizon is the next transaction number in the snapshot that was read: if it has not moved, nobody wrote.
	horizon string
}

func (r *reader) note(what string, err error) { r.errs[what] = err }

// open connects and asks for the role.
func (r *reader) open(ctx context.Context) {
	r.errs = map[string]error{}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	conn, err := r.node.Connect(ctx, cluster.Admin)
	if err == nil {
		r.conn = conn
		err = conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&r.state.InRecovery)
	}
	r.note("connect", err)
	r.state.Up = err == nil
}

func (r *reader) close(ctx context.Context) {
	if r.conn != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
		defer cancel()
		_ = r.conn.Close(ctx) // all was read
	}
}

// horizonQuery asks for the next transaction number in the snapshot of the statement, or of the transaction.
const horizonQuery = "select pg_snapshot_xmax(pg_current_snapshot())::text"

// quiet waits until no client writes any more and returns the next transaction number, and then how far the primary has
// written: what is written in between has moved the number.
func (r *reader) quiet(ctx context.Context) (horizon string, written pg.LSN) {
	r.note("wait for quiet", until(ctx, quietTimeout, "clients still write", func() (bool, error) {
		var writers int
		err := r.conn.QueryRow(ctx, `select count(*) from pg_stat_activity
			where backend_type = 'client backend' and backend_xid is not null and pid <> pg_backend_pid()`).Scan(&writers)
		return writers == 0, err
	}))
	var text string
	err := r.conn.QueryRow(ctx, horizonQuery).Scan(&horizon)
	if err == nil {
		err = r.conn.QueryRow(ctx, "select pg_current_wal_flush_lsn()::text").Scan(&text)
	}
	if err == nil {
		written, err = pg.ParseLSN(text)
	}
	r.note("read the primary's position", err)
	return horizon, written
}

// replayed waits until a standby has replayed to the target, and sets how far it is; without a target it only looks.
func (r *reader) replayed(ctx context.Context, target pg.LSN) error {
	return until(ctx, quietTimeout, fmt.Sprintf("replay to %s", target), func() (bool, error) {
		var text string
		err := r.conn.QueryRow(ctx, `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
			else pg_current_wal_flush_lsn() end::text`).Scan(&text)
		if err != nil {
			return false, err
		}
		r.state.LSN, err = pg.ParseLSN(text)
		return r.state.LSN >= target, err
	})
}

// finish is the state with all that went wrong in it.
func (r *reader) finish() history.NodeState {
	var wrong []string
	for _, what := range slices.Sorted(maps.Keys(r.errs)) {
		if err := r.errs[what]; err != nil {
			wrong = append(wrong, what+": "+strings.Join(strings.Fields(err.Error()), " "))
		}
	}
	r.state.Err = strings.Join(wrong, "; ")
	return r.state
}
