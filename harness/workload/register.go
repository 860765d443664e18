package workload

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Register writes and reads keyed values, one statement an operation. Each row has a version that the writing statement
// raises and returns, so that the order of the writes of a key is known, and where a write whose answer never came stands
// in it once it has been read.
type Register struct {
	Shape
	Keys    int  // 0: 10
	Standby bool // every client also reads on a standby, on a second connection: staleness, monotonic reads, reading one's own writes
}

const (
	registerTable = `create table if not exists app.register (k text primary key, v bigint not null, ver bigint not null)`
	registerWrite = registerWriteSQL + `, ` + here
	// One row whether the key is there or not.
	registerRead = `select coalesce(max(v), 0), coalesce(max(ver), 0), ` + here + ` from app.register where k = $1`
	// As they stand in the record: without what asks for the place, and which no finding is about.
	registerWriteSQL = `insert into app.register as r (k, v, ver) values ($1, $2, 1) on conflict (k) do update set v = excluded.v, ver = r.ver + 1 returning ver`
	registerReadSQL  = `select v, ver from app.register where k = $1`
)

// Name is that of its table.
func (r Register) Name() string { return "register" }

// Prepare makes the table.
func (r Register) Prepare(ctx context.Context, c *cluster.Cluster) error {
	return onPrimary(ctx, c, r.Name(), registerTable)
}

// Run works until ctx ends.
func (r Register) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	if r.Keys == 0 {
		r.Keys = 10
	}
	config, err := r.config(c)
	standby, standbyErr := onStandby(c)
	if err = errors.Join(err, standbyErr, r.check(r.Name())); err != nil {
		return err
	}
	began := to.Now().Milliseconds()
	values := &atomic.Int64{}
	values.Store(began * 1000)
	prefix := "r" + strconv.FormatInt(began, 36) + "-"
	return r.run(ctx, to, func(i int) (worker, *rand.Rand) {
		w := &registrar{shape: r, prefix: prefix, values: values, to: to}
		w.session = r.session(config, i, map[string]string{"write": registerWrite, "read": registerRead})
		if r.Standby {
			w.standby = r.session(standby, i, map[string]string{"read": registerRead})
		}
		return w, w.session.random
	})
}

// registrar is one client.
type registrar struct {
	shape            Register
	prefix           string
	session, standby *session // standby: nil if it is not read
	values           *atomic.Int64
	to               *history.Recorder
	seq              int
}

func (w *registrar) close(ctx context.Context) {
	w.session.drop(ctx)
	if w.standby != nil {
		w.standby.drop(ctx)
	}
}

func (w *registrar) work(ctx context.Context, due time.Duration) {
	w.seq++
	random := w.session.random
	access := history.Access{Key: w.prefix + strconv.Itoa(random.IntN(max(w.shape.Keys, 1))), Write: random.IntN(2) == 0, SQL: registerReadSQL}
	op := history.Op{
		Workload: w.shape.Name(), Client: w.session.client, Seq: w.seq, Kind: history.Read, Isolation: w.shape.Isolation,
		Scheduled: due, Call: w.to.Now(),
	}
	switch {
	case access.Write:
		op.Kind = history.Write
		access.Value, access.SQL = w.values.Add(1), registerWriteSQL
		op.Txn = []history.Access{access}
		w.session.statement(ctx, w.to, &op, func(ctx context.Context, conn *pgx.Conn) error {
			var at place
			err := conn.QueryRow(ctx, "write", access.Key, access.Value).Scan(append([]any{&op.Txn[0].Version}, at.targets()...)...)
			if err == nil {
				err = at.into(&op)
			}
			return err
		})
	case w.standby != nil && random.IntN(2) == 0:
		w.read(ctx, w.standby, &op, access)
	default:
		w.read(ctx, w.session, &op, access)
	}
	op.Return = w.to.Now()
	w.to.Op(op)
}

func (w *registrar) read(ctx context.Context, s *session, op *history.Op, access history.Access) {
	s.statement(ctx, w.to, op, func(ctx context.Context, conn *pgx.Conn) error {
		var at place
		err := conn.QueryRow(ctx, "read", access.Key).Scan(append([]any{&access.Value, &access.Version}, at.targets()...)...)
		if err == nil {
			op.Txn = []history.Access{access}
			err = at.into(op)
		}
		return err
	})
}
