package workload

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// here asks on which timeline and how far the server is, inside a transaction or a statement: on a standby, how far it has replayed.
const (
	here = `pg_is_in_recovery(),
	case when pg_is_in_recovery() then 0 else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end,
	coalesce(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end, '0/0')::text`
	whereQuery = `select ` + here
)

// errNotDone ends a transaction that the workload itself gives up: it is rolled back.
var errNotDone = errors.New("the workload gave the transaction up")

// transaction runs body between BEGIN and the statement that ends it ("commit", or PREPARE TRANSACTION), and sets what
// became of the operation. Until that statement is sent nothing can be committed, whatever goes wrong.
func (s *session) transaction(ctx context.Context, clock clock, op *history.Op, last string, body func(context.Context, *pgx.Conn) error) {
	if err := s.ready(ctx); err != nil {
		s.end(ctx, op, notSent, err)
		return
	}
	limited, cancel := s.limit(ctx)
	defer cancel()
	op.Call = clock.Now()
	// The simple protocol: such a statement is not prepared first, so what is sent last is the commit and nothing else.
	_, err := s.conn.Exec(limited, "begin", pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		err = body(limited, s.conn)
	}
	if err == nil {
		err = s.where(limited, op)
	}
	if err != nil {
		if !s.conn.IsClosed() {
			_, _ = s.conn.Exec(limited, "rollback", pgx.QueryExecModeSimpleProtocol) // if it fails the connection is dropped, which rolls back too
		}
		s.end(ctx, op, notSent, err)
		return
	}
	tag, err := s.conn.Exec(limited, last, pgx.QueryExecModeSimpleProtocol)
	if err == nil && tag.String() == "ROLLBACK" {
		err = pgx.ErrTxCommitRollback
	}
	s.end(ctx, op, commitSent, err)
}

func (s *session) where(ctx context.Context, op *history.Op) error {
	var at place
	if err := s.conn.QueryRow(ctx, whereQuery).Scan(at.targets()...); err != nil {
		return err
	}
	return at.into(op)
}

// place is what here answers.
type place struct {
	standby  bool
	timeline int64
	lsn      string
}

func (p *place) targets() []any { return []any{&p.standby, &p.timeline, &p.lsn} }

func (p *place) into(op *history.Op) (err error) {
	op.Standby, op.Timeline = p.standby, pg.Timeline(p.timeline)
	op.LSN, err = pg.ParseLSN(p.lsn)
	return err
}

// statement runs one statement that commits by itself, and sets what became of the operation.
func (s *session) statement(ctx context.Context, clock clock, op *history.Op, body func(context.Context, *pgx.Conn) error) {
	if err := s.ready(ctx); err != nil {
		s.end(ctx, op, notSent, err)
		return
	}
	limited, cancel := s.limit(ctx)
	defer cancel()
	op.Call = clock.Now()
	s.end(ctx, op, commitSent, body(limited, s.conn))
}
