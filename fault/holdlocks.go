package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// ledgerTable is what the ledger's clients write to.
const ledgerTable = "app.ledger"

// HoldLocks has an idle session hold a lock on a table that whoever writes to it waits for.
//
// It imitates a migration that was left open over lunch, a client that hangs between two statements of its transaction: writers
// queue up, their statements time out, connection pools run dry; readers go on.
//
// Mechanism: a session of the tester, idle in a transaction that holds the table in EXCLUSIVE mode. It does not keep anybody from
// reading, nor from writing to other tables, and takes nothing on standbys. Where idle_in_transaction_session_timeout is set,
// PostgreSQL ends it, which Verify finds.
//
// It heals by Revert, and with the tester's death: the session ends with the process.
type HoldLocks struct {
	Target Target
	Table  string // "schema.table"; empty: the ledger's
}

func (f HoldLocks) table() pgx.Identifier {
	if f.Table == "" {
		return strings.Split(ledgerTable, ".")
	}
	return strings.Split(f.Table, ".")
}

// String is "hold-locks(primary)", with the table if it is not the ledger's.
func (f HoldLocks) String() string {
	if f.Table != "" && f.Table != ledgerTable {
		return "hold-locks(" + f.Table + " of " + f.Target.String() + ")"
	}
	return "hold-locks(" + f.Target.String() + ")"
}

// Supported is always true.
func (f HoldLocks) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a lock: it needs its server and has the table for itself.
func (f HoldLocks) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String()}, Holds: []string{"locks of " + f.Target.String()}}
}

// Bind finds the primary and the table.
func (f HoldLocks) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, "hold-locks", f.Target, cluster.Primary)
	if err != nil {
		return nil, err
	}
	table := f.table().Sanitize()
	there, err := asked[bool](ctx, on.node, `select to_regclass($1) is not null`, table)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%w: %s has no table %s", ErrNoTarget, on.node, table)
	}
	return &heldLocks{onNode: on, table: table}, nil
}

type heldLocks struct {
	onNode
	table   string // quoted
	session *heldSession
}

func (b *heldLocks) Inject(ctx context.Context) (_ Active, err error) {
	b.session, err = holdSession(ctx, b.node, cluster.Admin, `begin`, `lock table `+b.table+` in exclusive mode`)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Verify asks, in another session, for the lock that a writer takes, and is refused. Control: the table can be read.
func (b *heldLocks) Verify(ctx context.Context) (Evidence, error) {
	if _, err := b.session.look(ctx); err != nil {
		return Evidence{}, err
	}
	if err := b.refuses(ctx, "row exclusive"); answered(err) != lockNotAvailable {
		return Evidence{}, errors.Join(fmt.Errorf("a writer's lock on %s of %s was not refused", b.table, b.node), err)
	}
	if err := b.refuses(ctx, "access share"); err != nil {
		return Evidence{}, fmt.Errorf("the fault reaches further than it should: %s cannot be read: %w", b.table, err)
	}
	waiting, err := asked[int](ctx, b.node, `select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))`, b.session.pid)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{
		Effect:  "a writer's lock on " + b.table + " is refused",
		Control: "a reader's is not",
		Values:  map[string]string{"mechanism": "idle in transaction, exclusive lock", "waiting": fmt.Sprint(waiting)},
	}, nil
}

// lockNotAvailable is the SQLSTATE of a lock with NOWAIT that somebody else holds.
const lockNotAvailable = "55P03"

// refuses takes a lock on the table in another session, without waiting, and gives it back at once.
func (b *heldLocks) refuses(ctx context.Context, mode string) (err error) {
	conn, err := b.node.Connect(ctx, cluster.Admin)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `lock table `+b.table+` in `+mode+` mode nowait`)
	return errors.Join(err, tx.Rollback(ctx))
}

// Revert ends the session, and its lock with it.
func (b *heldLocks) Revert(ctx context.Context) error {
	b.session.end(ctx)
	return nil
}

// VerifyReverted sees that it is gone.
func (b *heldLocks) VerifyReverted(ctx context.Context) (Evidence, error) {
	return Evidence{Effect: "the session on " + b.node.Name() + " and its lock are gone"}, b.session.ended(ctx)
}
