package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// contents reads rows, definitions, sequences, roles, tokens and the newest marker row, of a standby once it has replayed
// to the target. What it read before the first error stays.
func (r *reader) contents(ctx context.Context, target pg.LSN) error {
	if !r.state.Up {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	behind := r.replayed(ctx, target)
	names, err := column(ctx, r.conn, `select datname::text from pg_database where datallowconn and not datistemplate`)
	if err != nil {
		return fmt.Errorf("list databases: %w", err)
	}
	r.state.Tables, r.state.Sequences = map[string]string{}, map[string]string{}
	var definitions []string
	for _, name := range names {
		lines, err := r.database(ctx, name)
		if err != nil {
			return fmt.Errorf("database %s: %w", name, err)
		}
		definitions = append(definitions, lines...)
	}
	r.state.Schema = digest(definitions)
	if err := r.ledger(ctx); err != nil {
		return err
	}
	return behind
}

// database reads one database in one snapshot and returns its definitions. What is in the database of the workloads is
// called schema.table, what is elsewhere database/schema.table.
func (r *reader) database(ctx context.Context, name string) ([]string, error) {
	conn, prefix := r.conn, ""
	if name != cluster.Database {
		config, err := pgx.ParseConfig(r.node.DSN(cluster.Admin))
		if err != nil {
			return nil, err
		}
		config.Database, prefix = name, name+"/"
		if conn, err = pgx.ConnectConfig(ctx, config); err != nil {
			return nil, err
		}
		defer conn.Close(ctx)
	}
	var definitions []string
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := hashTables(ctx, tx, prefix, r.state.Tables); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, horizonQuery).Scan(&r.horizon); err != nil {
			return err
		}
		if err := pairs(ctx, tx, prefix, sequencesQuery, r.state.Sequences); err != nil {
			return fmt.Errorf("sequences: %w", err)
		}
		lines, err := column(ctx, tx, definitionsQuery)
		for _, line := range lines {
			definitions = append(definitions, prefix+line)
		}
		return err
	})
	return definitions, err
}

// ledger reads what belongs to the whole node or to the workloads only.
func (r *reader) ledger(ctx context.Context) error {
	roles := map[string]string{}
	if err := pairs(ctx, r.conn, "", rolesQuery, roles); err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	for name, row := range roles {
		roles[name] = digest([]string{row}) // what goes into the record must not hold a verifier
	}
	r.state.Roles = roles
	marker, err := newest(ctx, r.conn)
	if err != nil {
		return fmt.Errorf("marker row: %w", err)
	}
	r.state.Marker = marker
	if r.state.Tokens, err = tokens(ctx, r.conn); err != nil {
		return err
	}
	r.state.Decided, err = decided(ctx, r.conn)
	return err
}

// tokens counts each token of the ledger. A cluster whose story has no ledger has no such table, and no tokens.
func tokens(ctx context.Context, conn *pgx.Conn) (map[string]int, error) {
	found := map[string]int{}
	if there, err := exists(ctx, conn, "app.ledger"); err != nil || !there {
		return found, err
	}
	rows, err := conn.Query(ctx, "select token, count(*) from app.ledger group by token")
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	var token string
	var times int
	_, err = pgx.ForEachRow(rows, []any{&token, &times}, func() error { found[token] = times; return nil })
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return found, nil
}

// decided counts the rows that each transaction of the two-phase workload left: their keys are its gid, a dot and a number. A
// cluster without that workload has no such table, and nothing is known.
func decided(ctx context.Context, conn *pgx.Conn) (map[string]int, error) {
	if there, err := exists(ctx, conn, "app.two_phase"); err != nil || !there {
		return nil, err
	}
	rows, err := conn.Query(ctx, `select regexp_replace(k, '\.[0-9]+$', ''), count(*) from app.two_phase group by 1`)
	if err != nil {
		return nil, fmt.Errorf("rows of prepared transactions: %w", err)
	}
	found := map[string]int{}
	var gid string
	var count int
	_, err = pgx.ForEachRow(rows, []any{&gid, &count}, func() error { found[gid] = count; return nil })
	if err != nil {
		return nil, fmt.Errorf("rows of prepared transactions: %w", err)
	}
	return found, nil
}

// hashTables hashes the rows of every table: how many there are, and two sums of independent 64-bit hashes, which need
// no order and no memory. The text of a row is what is hashed, so that equal values are equal however they are stored.
func hashTables(ctx context.Context, tx pgx.Tx, prefix string, into map[string]string) error {
	rows, err := tx.Query(ctx, tablesQuery)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (name pgx.Identifier, err error) {
		name = pgx.Identifier{"", ""}
		return name, row.Scan(&name[0], &name[1])
	})
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, name := range names {
		var hash string
		err := tx.QueryRow(ctx, `select count(*) || ':' || coalesce(sum(hashtextextended(row(x.*)::text, 0)::numeric), 0)
			|| ':' || coalesce(sum(hashtextextended(row(x.*)::text, 1)::numeric), 0) from only `+name.Sanitize()+` x`).Scan(&hash)
		if err != nil {
			return fmt.Errorf("rows of %s.%s: %w", name[0], name[1], err)
		}
		into[prefix+name[0]+"."+name[1]] = hash
	}
	return nil
}

// querier is a connection or a transaction on it.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

func column(ctx context.Context, from querier, query string) ([]string, error) {
	rows, err := from.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func pairs(ctx context.Context, from querier, prefix, query string, into map[string]string) error {
	rows, err := from.Query(ctx, query)
	if err != nil {
		return err
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error { into[prefix+name] = value; return nil })
	return err
}

func exists(ctx context.Context, conn *pgx.Conn, table string) (there bool, err error) {
	err = conn.QueryRow(ctx, "select to_regclass($1) is not null", table).Scan(&there)
	return there, err
}

// digest hashes lines, whatever their order.
func digest(lines []string) string {
	slices.Sort(lines)
	sum := sha256.New()
	for _, line := range lines {
		fmt.Fprintf(sum, "%d %s\n", len(line), line)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
