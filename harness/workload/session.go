package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

const (
	dialTimeout    = time.Second           // a host that takes no connection in this time is given up and the next one tried
	connectTimeout = 3 * time.Second       // and one that takes it but does not let the client in: longer, or a slow machine never gets out of new attempts
	readyTimeout   = 5 * time.Second       // of all attempts of one operation
	closeTimeout   = 50 * time.Millisecond // for the goodbye to a server that may be gone
	shortestRetry  = 30 * time.Millisecond // between two attempts to connect: the first acknowledgement after a failover waits for it,
	longestRetry   = 60 * time.Millisecond // and each attempt costs the standby a new backend just while it is to be promoted
)

// session is one client's connection: made again whenever it is gone, to whichever host takes writes.
type session struct {
	client     int
	config     *pgx.ConnConfig
	timeout    time.Duration // of a statement
	reach      time.Duration // of all attempts to connect of one operation
	random     *rand.Rand
	statements map[string]string // prepared on each new connection: name to text

	conn     *pgx.Conn
	node     string // cluster_name of who the connection is to
	notice   string // SQLSTATE of the last warning, for answers that never came
	local    bool   // the wait for the standby was cancelled
	failures int    // in a row
	made     int    // connections so far
}

// connConfig is how a client connects: to one node whatever its role, or to whichever takes writes.
func connConfig(c *cluster.Cluster, node string) (*pgx.ConnConfig, error) {
	dsn := c.DSN(cluster.App)
	if node != "" {
		pinned, err := c.Node(node)
		if err != nil {
			return nil, err
		}
		dsn = pinned.DSN(cluster.App)
	}
	return pgx.ParseConfig(dsn)
}

// bound gives an attempt to connect its two limits: dialTimeout to be taken, and whole to be let in.
func bound(config *pgx.ConnConfig, whole time.Duration) {
	config.ConnectTimeout = whole
	config.DialFunc = (&net.Dialer{Timeout: dialTimeout}).DialContext
}

func newSession(config *pgx.ConnConfig, timeout time.Duration, seed uint64, client int) *session {
	s := &session{client: client, config: config.Copy(), timeout: timeout, reach: max(timeout, readyTimeout), random: rand.New(rand.NewPCG(seed, uint64(client)))}
	bound(s.config, connectTimeout)
	s.config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		s.notice = notice.Code
		s.local = s.local || waitCancelled(notice)
	}
	return s
}

// limit bounds a statement. That the load ends does not end it: what was sent gets its outcome.
func (s *session) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
}

// ready returns with a connection that was alive a moment ago, with every statement prepared. It tries again until it
// succeeds, the time is up or ctx ends; the error is the last attempt's, or the last that a server answered. Nothing has been sent that could commit.
func (s *session) ready(ctx context.Context) error {
	if s.conn != nil && !gone(s.conn) {
		return nil
	}
	s.drop(ctx)
	ctx, cancel := context.WithTimeout(ctx, s.reach)
	defer cancel()
	var last error
	for {
		if !s.backOff(ctx) {
			return errors.Join(last, fmt.Errorf("no connection: %w", ctx.Err()))
		}
		err := s.connect(ctx)
		if err == nil {
			return nil
		}
		if sqlState(err) != "" || sqlState(last) == "" {
			last = err // a server's answer says more than a later attempt that ran out of time
		}
		s.failures++
	}
}

// backOff waits before an attempt to connect: not at all before the first, then longer each time. Clients draw their
// waits, so that together they find a new primary sooner than each alone. False: ctx ended.
func (s *session) backOff(ctx context.Context) bool {
	if s.failures == 0 {
		return ctx.Err() == nil
	}
	wait := min(shortestRetry<<min(s.failures-1, 10), longestRetry)
	wait = wait/2 + time.Duration(s.random.Int64N(int64(wait)))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (s *session) connect(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return err
	}
	s.conn = conn
	s.made++
	err = conn.QueryRow(ctx, "select current_setting('cluster_name')", pgx.QueryExecModeExec).Scan(&s.node)
	for name, text := range s.statements {
		if err == nil {
			_, err = conn.Prepare(ctx, name, text)
		}
	}
	if err != nil {
		s.drop(ctx)
		return fmt.Errorf("prepare connection: %w", err)
	}
	return nil
}

// end sets what became of an operation, and parts with the connection unless it is certain to be sound.
func (s *session) end(ctx context.Context, op *history.Op, at stage, err error) {
	op.Outcome, op.Node = classify(at, err, s.local), s.node
	op.SQLState, op.Session = s.notice, max(s.made-1, 0)
	s.notice, s.local = "", false
	if err == nil {
		s.failures = 0
		return
	}
	op.Err = oneLine(err)
	if answer := sqlState(err); answer != "" {
		op.SQLState = answer
	}
	switch {
	case errors.Is(err, errNotDone), op.SQLState == "40001", op.SQLState == "40P01", op.SQLState == "23505":
		s.failures = 0 // the server is well and takes writes: only this operation was refused
	default:
		s.failures++
		s.drop(ctx)
	}
}

// drop closes the connection, if there is one.
func (s *session) drop(ctx context.Context) {
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		_ = s.conn.Close(ctx) // its server may be gone, which is why
		cancel()
	}
	s.conn, s.node, s.notice, s.local = nil, "", "", false
}
