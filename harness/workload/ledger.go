package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Ledger is the durability workload: each operation inserts one row with a token unique in the run into app.ledger.
//
// With a Rate the load is an open loop: each client's operations are due at fixed moments and are timed from them. A
// start that was missed, because the client still waited for an earlier answer or for a connection, is not dropped: it
// is made up for as soon as the client can, oldest first, with the moment it was due in Scheduled. So an outage shows
// as what it was to callers, and is followed by a burst. Starts still missed when the load ends are not recorded.
//
// An operation that finds its connection gone waits for a new one, for up to five seconds, and is recorded as Failed
// after that: nothing was sent.
type Ledger struct {
	Clients int           // connections, at least 1
	Rate    float64       // operations a second in all, open loop: started by schedule; 0: as fast as they come
	Seed    uint64        // of the phases of the clients' schedules and of the retries
	Node    string        // "": multi-host, read-write; else pinned to this node (a client that stays with an old primary)
	First   int           // number of the first client: tells the clients of two ledgers of one run apart
	Timeout time.Duration // the client's own limit on a statement; 0: DefaultTimeout
}

// DefaultTimeout limits a statement on the client's side. It is above the second that a frozen primary of the
// self-test takes, and low enough that clients of a primary that was cut off look elsewhere soon.
const DefaultTimeout = 2 * time.Second

const ledgerTable = `create table if not exists app.ledger (
	token text primary key,
	client int not null,
	seq int not null,
	timeline int not null,
	node text not null,
	written timestamptz not null default clock_timestamp())`

// LedgerInsert is the ledger's statement: token, client and seq go in, the timeline and an LSN come out.
//
// The row holds the timeline on which it was written. pg_control_checkpoint() would be wrong from a promotion to the
// first checkpoint after it; the name of the WAL file at the insert position holds the timeline being written.
// The LSN lies after the row's WAL record and before its commit record.
const LedgerInsert = `insert into app.ledger (token, client, seq, timeline, node)
	values ($1, $2, $3, ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int, current_setting('cluster_name'))
	returning timeline, pg_current_wal_insert_lsn()::text`

// Name says what the workload is, and which node it is pinned to.
func (l Ledger) Name() string {
	if l.Node != "" {
		return "ledger@" + l.Node
	}
	return "ledger"
}

// Prepare makes the table, if it is not there, on the primary.
func (l Ledger) Prepare(ctx context.Context, c *cluster.Cluster) error {
	primary, err := c.Primary(ctx)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", l.Name(), err)
	}
	conn, err := primary.Connect(ctx, cluster.App)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", l.Name(), err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, ledgerTable); err != nil {
		return fmt.Errorf("prepare %s: %w", l.Name(), err)
	}
	return nil
}

// Run inserts until ctx ends. Operations in flight then are not cut short: they get their outcome within Timeout.
func (l Ledger) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	config, err := connConfig(c, l.Node)
	if err != nil {
		return fmt.Errorf("run %s: %w", l.Name(), err)
	}
	return l.run(ctx, config, to)
}

func (l Ledger) run(ctx context.Context, config *pgx.ConnConfig, to *history.Recorder) error {
	if l.Clients < 1 || l.Rate < 0 || l.Timeout < 0 {
		return fmt.Errorf("run %s: %d clients at %v/s with a timeout of %v: want at least one client, and no negative rate or timeout",
			l.Name(), l.Clients, l.Rate, l.Timeout)
	}
	// Not the seed: the same ledger may run twice in one run, and its tokens must differ.
	prefix := strconv.FormatInt(int64(to.Now()), 36) + l.Node + "-"
	var group errgroup.Group
	for i := range l.Clients {
		session := newSession(config, l.timeout(), l.Seed, l.First+i)
		session.statements = map[string]string{"ledger": LedgerInsert}
		clock := newSchedule(l.Clients, l.Rate, i, session.random)
		group.Go(func() error {
			defer session.drop(ctx)
			writeLedger(ctx, session, clock, to, prefix)
			return nil
		})
	}
	return errors.Join(group.Wait(), to.Flush())
}

func (l Ledger) timeout() time.Duration {
	if l.Timeout == 0 {
		return DefaultTimeout
	}
	return l.Timeout
}

// writeLedger is one client.
func writeLedger(ctx context.Context, s *session, clock *schedule, to *history.Recorder, prefix string) {
	prefix += strconv.Itoa(s.client) + "-"
	_ = s.ready(ctx) // the first start is not late for want of a connection; if there is none, that shows on it
	clock.begin(to.Now())
	for seq := 1; ; seq++ {
		due, ok := clock.wait(ctx, to)
		if !ok {
			return
		}
		op := history.Op{
			Client: s.client, Seq: seq, Kind: history.Append, Token: prefix + strconv.Itoa(seq), Scheduled: due, Call: to.Now(),
		}
		insertToken(ctx, s, to, &op)
		op.Return = to.Now()
		to.Op(op)
	}
}

// insertToken does one operation and sets what became of it. Its limit is the socket's own deadline, which a context's end would
// set too, by way of a timer and a goroutine each time. That the load ends does not end it: what was sent gets its outcome.
func insertToken(ctx context.Context, s *session, clock clock, op *history.Op) {
	if err := s.ready(ctx); err != nil {
		s.end(ctx, op, notSent, err)
		return
	}
	if err := s.conn.PgConn().Conn().SetDeadline(time.Now().Add(s.timeout)); err != nil {
		s.end(ctx, op, notSent, err)
		return
	}
	op.Call = clock.Now()
	var lsn string
	err := s.conn.QueryRow(context.WithoutCancel(ctx), "ledger", op.Token, op.Client, op.Seq).Scan(&op.Timeline, &lsn)
	if err == nil {
		op.LSN, err = pg.ParseLSN(lsn)
	}
	s.end(ctx, op, commitSent, err)
}
