package workload

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Identities takes numbers that nobody may get twice: from a sequence, and from a table that draws them as it inserts.
// After a failover a sequence may jump, by the 32 values that PostgreSQL logs ahead, and never repeats what was handed out
// by a statement whose commit was safe.
type Identities struct{ Shape }

// The keys of what hands numbers out.
const (
	nextSequence = "app.numbers"
	nextTable    = "app.identities"
)

// Name is that of its table.
func (i Identities) Name() string { return "identities" }

// Prepare makes the sequence and the table.
func (i Identities) Prepare(ctx context.Context, c *cluster.Cluster) error {
	return onPrimary(ctx, c, i.Name(), `create sequence if not exists app.numbers`,
		`create table if not exists app.identities (id bigint generated always as identity primary key, client int not null)`)
}

// Run works until ctx ends.
func (i Identities) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	config, err := i.config(c)
	if err = errors.Join(err, i.check(i.Name())); err != nil {
		return err
	}
	statements := map[string]string{
		nextSequence: `select nextval('app.numbers'), ` + here + ` where $1::int is not null`,
		nextTable:    `insert into app.identities (client) values ($1) returning id, ` + here,
	}
	return i.run(ctx, to, func(n int) (worker, *rand.Rand) {
		w := &numberer{shape: i, session: i.session(config, n, statements), to: to}
		return w, w.session.random
	})
}

// numberer is one client.
type numberer struct {
	shape   Identities
	session *session
	to      *history.Recorder
	seq     int
}

func (n *numberer) close(ctx context.Context) { n.session.drop(ctx) }

func (n *numberer) work(ctx context.Context, due time.Duration) {
	n.seq++
	key := nextSequence
	if n.session.random.IntN(2) == 0 {
		key = nextTable
	}
	op := history.Op{
		Workload: n.shape.Name(), Client: n.session.client, Seq: n.seq, Kind: history.Next, Key: key, Isolation: n.shape.Isolation,
		Scheduled: due, Call: n.to.Now(),
	}
	n.session.statement(ctx, n.to, &op, func(ctx context.Context, conn *pgx.Conn) error {
		var value int64
		var at place
		err := conn.QueryRow(ctx, key, n.session.client).Scan(append([]any{&value}, at.targets()...)...)
		if value != 0 { // also of an operation that then failed: it was handed out
			op.Txn = []history.Access{{Write: true, Key: key, Value: value}}
		}
		if err == nil {
			err = at.into(&op)
		}
		return err
	})
	op.Return = n.to.Now()
	n.to.Op(op)
}
