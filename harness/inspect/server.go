package inspect

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Settings that are read beside those that the node must have: what explains a finding.
var explaining = []string{
	"archive_mode", "cluster_name", "data_checksums", "fsync", "full_page_writes", "port", "primary_conninfo", "primary_slot_name",
	"recovery_target_timeline", "server_version", "synchronous_commit", "synchronous_standby_names", "wal_keep_size", "wal_log_hints",
}

// server reads what a node says of itself and of its peers.
func (r *reader) server(ctx context.Context) {
	if !r.state.Up {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r.note("timeline", r.conn.QueryRow(ctx, "select "+pg.TimelineSQL).Scan(&r.state.Timeline))
	r.note("system identifier", r.conn.QueryRow(ctx, "select system_identifier::text from pg_control_system()").Scan(&r.state.System))
	var err error
	r.state.Streaming, err = collect(ctx, r.conn, func(row pgx.CollectableRow) (p history.Peer, err error) {
		var replay string
		if err := row.Scan(&p.Name, &p.State, &p.Sync, &replay); err != nil {
			return p, err
		}
		p.Replay, err = pg.ParseLSN(replay)
		return p, err
	}, `select application_name, coalesce(state, ''), coalesce(sync_state, ''), coalesce(replay_lsn, '0/0')::text
		from pg_stat_replication order by 1`)
	r.note("streaming", err)
	r.state.Slots, err = collect(ctx, r.conn, pgx.RowToStructByPos[history.Slot],
		`select slot_name::text, active, coalesce(wal_status, '') from pg_replication_slots where not temporary order by 1`)
	r.note("slots", err)
	r.state.Prepared, err = column(ctx, r.conn, `select gid from pg_prepared_xacts order by 1`)
	r.note("prepared transactions", err)
	r.note("receiver", r.receiver(ctx))
	r.state.Archiver = &history.Archiver{}
	r.note("archiver", r.conn.QueryRow(ctx, `select archived_count, failed_count from pg_stat_archiver`).
		Scan(&r.state.Archiver.Archived, &r.state.Archiver.Failed))
	r.state.Histories = map[string]string{}
	r.note("timeline histories", pairs(ctx, r.conn, "",
		`select name, pg_read_file('pg_wal/' || name) from pg_ls_waldir() where name ~ '^[0-9A-F]{8}\.history$'`, r.state.Histories))
	r.note("settings", r.settings(ctx))
}

func collect[T any](ctx context.Context, conn *pgx.Conn, each pgx.RowToFunc[T], query string) ([]T, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, each)
}

// receiver is nil where nothing is received.
func (r *reader) receiver(ctx context.Context) error {
	var found history.Receiver
	err := r.conn.QueryRow(ctx, `select status, received_tli, coalesce(slot_name, '') from pg_stat_wal_receiver where pid is not null`).
		Scan(&found.Status, &found.Timeline, &found.Slot)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		r.state.Receiver = &found
	}
	return err
}

// settings reads what the server runs with, never what its files say.
func (r *reader) settings(ctx context.Context) error {
	r.state.Want = r.node.WantedSettings()
	names := append([]string{}, explaining...)
	for name := range r.state.Want {
		names = append(names, name)
	}
	r.state.Settings = map[string]string{}
	rows, err := r.conn.Query(ctx, `select name, current_setting(name, true) from unnest($1::text[]) name where current_setting(name, true) is not null`, names)
	if err != nil {
		return err
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		if strings.Contains(name, "conninfo") {
			value = withoutPassword(value)
		}
		r.state.Settings[name] = value
		return nil
	})
	if len(r.state.Want) == 0 && err == nil {
		err = fmt.Errorf("what the settings of %s must be is not known", r.node)
	}
	return err
}

// withoutPassword takes the password out of a libpq connection string (key = value, a value quoted or not).
func withoutPassword(conninfo string) string {
	password := regexp.MustCompile(`\s*\b(ssl)?password\s*=\s*('(\\.|[^'\\])*'|(\\.|[^\s\\])*)`)
	return strings.TrimSpace(password.ReplaceAllString(conninfo, ""))
}
