package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// DefaultDamagedTable is the table that PageDamaged damages: the preloaded one, which nobody writes.
const DefaultDamagedTable = "app.ballast"

// PageDamaged overwrites some bytes of a table's first page on disk.
//
// It imitates bit rot, a misdirected write, a controller that lies: nothing is noticed until somebody reads the page. With data checksums
// (which the nodes have) the read is then an error; a standby is damaged alone, and so is a primary, for replication ships changes and not pages.
//
// Mechanism: after a checkpoint PostgreSQL is stopped (immediate), the last 64 bytes of the page, which hold the oldest row, are inverted, and
// PostgreSQL is started: a page in its cache would hide the damage, and a dirty one would be written over it. It needs a table with
// a row whose page is not being changed: what was changed since the checkpoint is mended by recovery, on a standby also by the first
// change after a checkpoint of its primary (full page writes), and Verify then says so.
//
// It heals by Revert, which puts the bytes back if they still are the damaged ones: PostgreSQL never has a page in its cache whose
// checksum is wrong, so this is safe while it runs. It does not heal by itself.
type PageDamaged struct {
	Target Target
	Table  string // in the database app; empty: DefaultDamagedTable
}

// String is "page-damaged(app.ballast of primary)".
func (f PageDamaged) String() string {
	return "page-damaged(" + f.table() + " of " + f.Target.String() + ")"
}

func (f PageDamaged) table() string {
	if f.Table == "" {
		return DefaultDamagedTable
	}
	return f.Table
}

// Supported is always true: it is a file.
func (f PageDamaged) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint says that PostgreSQL must run, and is away for a moment.
func (f PageDamaged) Footprint() Footprint {
	print := Kill(f.Target).Footprint()
	print.Needs = []string{f.Target.String()}
	return print
}

// Bind finds the node and the table's file.
func (f PageDamaged) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	page := &damagedPage{node: node}
	const query = `select c.oid::regclass::text, pg_relation_filepath(c.oid), pg_relation_size(c.oid), current_setting('block_size')::int
		from pg_class c where c.oid = to_regclass($1)`
	var size int64
	if err := node.Query(ctx, query, []any{f.table()}, &page.table, &page.path, &size, &page.length); err != nil {
		return nil, fmt.Errorf("%w: table %s: %w", ErrNoTarget, f.table(), err)
	}
	if size == 0 {
		return nil, fmt.Errorf("%w: table %s has no page: preload rows", ErrNoTarget, f.table())
	}
	b := bindFile(r, node, true, fileKind{name: "page-damaged", choose: page.choose, bites: page.bites, whole: page.whole, live: true})
	return b, nil
}

type damagedPage struct {
	node   *cluster.Node
	table  string // as PostgreSQL quotes it
	path   string
	length uint64 // of a page
}

// damagedBytes are those at the end of the page.
const damagedBytes = 64

func (d *damagedPage) choose(context.Context) (harm, error) {
	return harm{path: d.path, offset: d.length - damagedBytes, length: damagedBytes, spoil: invert}, nil
}

// read reads the page, and nothing else of the table.
func (d *damagedPage) read(ctx context.Context) error {
	var rows int
	return d.node.Query(ctx, "select count(*) from only "+d.table+" where ctid = '(0,1)'", nil, &rows)
}

// dataCorrupted is the SQLSTATE of a page whose checksum is wrong.
const dataCorrupted = "XX001"

func (d *damagedPage) bites(ctx context.Context) (string, error) {
	err := d.read(ctx)
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return "", fmt.Errorf("%s reads the page of %s", d.node, d.table)
	case !errors.As(err, &refused) || refused.Code != dataCorrupted:
		return "", fmt.Errorf("read the damaged page: %w", err)
	}
	var rows int
	if err := d.node.Query(ctx, "select count(*) from crucible.marker", nil, &rows); err != nil {
		return "", fmt.Errorf("another table cannot be read either: %w", err)
	}
	return d.node.Name() + ": " + refused.Message + "; another table is read", nil
}

func (d *damagedPage) whole(ctx context.Context) (string, error) {
	return d.node.Name() + " reads the page of " + d.table, d.read(ctx)
}
