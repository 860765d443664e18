package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// TwoPhase prepares transactions and ends them later, from whatever connection it then has: also after a failover, because a
// prepared transaction outlives connection and server. The server must have max_prepared_transactions above 0.
type TwoPhase struct {
	Shape
	Leave float64 // the part of the prepared transactions that is left to others to end, 0 to 1
}

// Name is that of its table.
func (t TwoPhase) Name() string { return "two-phase" }

// Prepare makes the table, and says so if the server allows no prepared transactions.
func (t TwoPhase) Prepare(ctx context.Context, c *cluster.Cluster) error {
	primary, err := c.Primary(ctx)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", t.Name(), err)
	}
	var most int
	if err := primary.Query(ctx, "select current_setting('max_prepared_transactions')::int", nil, &most); err != nil {
		return fmt.Errorf("prepare %s: %w", t.Name(), err)
	}
	if most == 0 {
		return fmt.Errorf("prepare %s: the server has max_prepared_transactions = 0", t.Name())
	}
	return onPrimary(ctx, c, t.Name(), `create table if not exists app.two_phase (k text primary key, v bigint not null)`)
}

// Run works until ctx ends, and then ends the transactions that it still has to end.
func (t TwoPhase) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	config, err := t.config(c)
	if err = errors.Join(err, t.check(t.Name())); err != nil {
		return err
	}
	if t.Leave < 0 || t.Leave > 1 {
		return fmt.Errorf("run %s: %v of the transactions left: want 0 to 1", t.Name(), t.Leave)
	}
	prefix := "p" + strconv.FormatInt(to.Now().Milliseconds(), 36) + "-"
	return t.run(ctx, to, func(i int) (worker, *rand.Rand) {
		s := t.session(config, i, map[string]string{"insert": `insert into app.two_phase (k, v) values ($1, $2)`})
		return &preparer{shape: t, prefix: prefix + strconv.Itoa(s.client) + "-", session: s, to: to}, s.random
	})
}

// preparer is one client. It has at most one prepared transaction to end.
type preparer struct {
	shape   TwoPhase
	prefix  string
	session *session
	to      *history.Recorder
	seq     int
	pending string // gid; "": none
	commit  bool   // how the pending one is to end
}

// close ends what is pending, once: the load is over.
func (p *preparer) close(ctx context.Context) {
	if p.pending != "" {
		late, cancel := p.session.limit(ctx)
		p.finish(late, p.to.Now())
		cancel()
	}
	p.session.drop(ctx)
}

func (p *preparer) work(ctx context.Context, due time.Duration) {
	if p.pending != "" {
		p.finish(ctx, due)
		return
	}
	op := p.op(history.Prepare, due)
	op.Token = p.prefix + strconv.Itoa(p.seq)
	// PREPARE TRANSACTION takes no parameter; the gid is made here, of letters, digits and dashes.
	p.session.transaction(ctx, p.to, &op, "prepare transaction '"+op.Token+"'", func(ctx context.Context, conn *pgx.Conn) error {
		for i := range 2 {
			access := history.Access{Write: true, Key: op.Token + "." + strconv.Itoa(i), Value: int64(p.seq)}
			op.Txn = append(op.Txn, access)
			if _, err := conn.Exec(ctx, "insert", access.Key, access.Value); err != nil {
				return err
			}
		}
		return nil
	})
	p.record(op)
	if op.Outcome != history.Failed && p.session.random.Float64() >= p.shape.Leave {
		p.pending, p.commit = op.Token, p.session.random.IntN(4) > 0
	}
}

// finish tries to end the pending transaction. What became of it is not known as long as no server has answered; one that
// says that there is no such transaction (undefined_object) has answered.
func (p *preparer) finish(ctx context.Context, due time.Duration) {
	kind, words := history.CommitPrepared, "commit prepared '"
	if !p.commit {
		kind, words = history.RollbackPrepared, "rollback prepared '"
	}
	op := p.op(kind, due)
	op.Token = p.pending
	p.session.statement(ctx, p.to, &op, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, words+p.pending+"'", pgx.QueryExecModeSimpleProtocol)
		return err
	})
	p.record(op)
	if op.Outcome == history.OK || op.Outcome == history.LocalOnly || op.SQLState == "42704" {
		p.pending = ""
	}
}

func (p *preparer) op(kind history.Kind, due time.Duration) history.Op {
	p.seq++
	return history.Op{
		Workload: p.shape.Name(), Client: p.session.client, Seq: p.seq, Kind: kind, Isolation: p.shape.Isolation, Scheduled: due, Call: p.to.Now(),
	}
}

func (p *preparer) record(op history.Op) {
	op.Return = p.to.Now()
	p.to.Op(op)
}
