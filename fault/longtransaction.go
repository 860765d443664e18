package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// LongTransaction holds a transaction with a snapshot open and does nothing in it.
//
// It imitates a forgotten psql, a report, pg_dump of a big database, a client library that began a transaction and lost interest: no
// row that died since can be removed on that node, tables and indexes grow, and nobody is told.
//
// Mechanism: a session of the tester with an open transaction at REPEATABLE READ. It holds no lock that a reader or writer would
// wait for, and takes no transaction ID. On a standby it holds up replay only of what removes rows that the snapshot can still see,
// and PostgreSQL ends it after max_standby_streaming_delay, which Verify finds.
//
// It heals by Revert, and with the tester's death: the session ends with the process.
type LongTransaction struct{ Target Target }

// String is "long-transaction(primary)".
func (f LongTransaction) String() string { return "long-transaction(" + f.Target.String() + ")" }

// Supported is always true.
func (f LongTransaction) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a session: it needs its server.
func (f LongTransaction) Footprint() Footprint { return Footprint{Needs: []string{f.Target.String()}} }

// Bind finds the node.
func (f LongTransaction) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, "long-transaction", f.Target, "")
	if err != nil {
		return nil, err
	}
	return &longTransaction{onNode: on}, nil
}

type longTransaction struct {
	onNode
	session *heldSession
	xmin    string // the oldest transaction whose rows it can still see
}

func (b *longTransaction) Inject(ctx context.Context) (_ Active, err error) {
	b.session, err = holdSession(ctx, b.node, cluster.Admin, `begin isolation level repeatable read, read only`, `select count(*) from pg_class`)
	if err != nil {
		return nil, err
	}
	b.xmin, err = b.session.look(ctx)
	if err == nil && b.xmin == "" {
		err = fmt.Errorf("its session holds no snapshot")
	}
	return b, err
}

// Verify asks, in another session, whether the snapshot is still held and how many transactions old it is. Control: others write.
func (b *longTransaction) Verify(ctx context.Context) (Evidence, error) {
	xmin, err := b.session.look(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if xmin != b.xmin {
		return Evidence{}, fmt.Errorf("the snapshot on %s is not the one that was taken: xmin %s, not %s", b.node, xmin, b.xmin)
	}
	control := b.node.Name() + " answers other sessions"
	primary, err := b.isPrimary(ctx)
	if err == nil && primary {
		control, err = b.commits(ctx)
	}
	if err != nil {
		return Evidence{}, err
	}
	age, err := asked[int64](ctx, b.node, `select age(backend_xmin)::int8 from pg_stat_activity where pid = $1 and application_name = $2`, b.session.pid, holder)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{
		Effect:  fmt.Sprintf("session %d of %s holds a snapshot from transaction %s on", b.session.pid, b.node, b.xmin),
		Control: control,
		Values:  map[string]string{"mechanism": "idle in transaction at repeatable read", "age": fmt.Sprint(age)},
	}, nil
}

// Revert ends the session.
func (b *longTransaction) Revert(ctx context.Context) error {
	b.session.end(ctx)
	return nil
}

// VerifyReverted sees that it is gone.
func (b *longTransaction) VerifyReverted(ctx context.Context) (Evidence, error) {
	return Evidence{Effect: "the session on " + b.node.Name() + " is gone"}, b.session.ended(ctx)
}
