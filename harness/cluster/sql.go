package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

const (
	// connectTimeout is for each host of a connection string, in seconds: libpq's least.
	connectTimeout = 2
	// pingWithin is how long a kept connection may take to show that it is still good before another one is made.
	pingWithin = time.Second
	// idleSessions of a node are kept.
	idleSessions = 4
)

// DSN connects straight to this node, whatever its role.
func (n *Node) DSN(user User) string { return n.cluster.dsn(user, "any", n) }

// DSN is a multi-host connection string to the database app with target_session_attrs=read-write and a bounded
// connect_timeout, as applications use it.
func (c *Cluster) DSN(user User) string { return c.dsn(user, "read-write", c.nodes...) }

func (c *Cluster) dsn(user User, session string, nodes ...*Node) string {
	hosts := make([]string, len(nodes))
	for i, n := range nodes {
		hosts[i] = n.Endpoint()
	}
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword(string(user), c.passwords[user]), Host: strings.Join(hosts, ","), Path: "/" + database(user),
		RawQuery: url.Values{
			"target_session_attrs": {session}, "connect_timeout": {strconv.Itoa(connectTimeout)},
			"sslmode": {"disable"}, "application_name": {"pgcrucible-" + string(user)},
		}.Encode(),
	}
	return dsn.String()
}

func database(user User) string {
	if user == Rewind {
		return "postgres"
	}
	return Database
}

// Conninfo is the libpq connection string by which other nodes reach this one (user Replica or Rewind). It names the file in
// which each node has the passwords, so it holds none itself and may stand on a command line or in a log.
func (n *Node) Conninfo(user User) string {
	pairs := []string{
		"host", n.address, "port", strconv.Itoa(postgresPort), "user", string(user), "passfile", passFile,
		"connect_timeout", strconv.Itoa(connectTimeout), "sslmode", "disable", "gssencmode", "disable",
	}
	if user != Replica {
		pairs = append(pairs, "dbname", database(user))
	}
	return pg.Conninfo(pairs...)
}

// Connect opens a connection to this node; the caller closes it.
func (n *Node) Connect(ctx context.Context, user User) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, n.DSN(user))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", n.name, err)
	}
	return conn, nil
}

// SQL runs one statement as Admin in the database app on a connection that the node keeps.
// If the connection turns out to be broken before the statement is sent, another one is made.
func (n *Node) SQL(ctx context.Context, query string, args ...any) error {
	return n.sessions.with(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, query, args...)
		return err
	})
}

// Query runs a statement as Admin and scans its single row.
func (n *Node) Query(ctx context.Context, query string, args []any, into ...any) error {
	return n.sessions.with(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, query, args...).Scan(into...)
	})
}

// sessions are the connections that a node keeps for SQL and Query.
type sessions struct {
	node *Node
	mu   sync.Mutex
	free []*pgx.Conn
}

func (s *sessions) with(ctx context.Context, body func(*pgx.Conn) error) error {
	conn, err := s.take(ctx)
	if err != nil {
		return err
	}
	err = body(conn)
	s.give(ctx, conn)
	if err != nil {
		return fmt.Errorf("%s: %w", s.node.name, err)
	}
	return nil
}

// take pings a kept connection first: one that the server closed would otherwise swallow the statement, and it would not be
// known whether it ran.
func (s *sessions) take(ctx context.Context) (*pgx.Conn, error) {
	for {
		s.mu.Lock()
		n := len(s.free)
		if n == 0 {
			s.mu.Unlock()
			return s.node.Connect(ctx, Admin)
		}
		conn := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		ping, cancel := context.WithTimeout(ctx, pingWithin)
		err := conn.Ping(ping)
		cancel()
		if err == nil {
			return conn, nil
		}
		abandon(ctx, conn)
	}
}

func (s *sessions) give(ctx context.Context, conn *pgx.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !conn.IsClosed() && len(s.free) < idleSessions {
		s.free = append(s.free, conn)
		return
	}
	abandon(ctx, conn)
}

func (s *sessions) drop(ctx context.Context) {
	s.mu.Lock()
	free := s.free
	s.free = nil
	s.mu.Unlock()
	for _, conn := range free {
		abandon(ctx, conn)
	}
}

// abandon closes a connection without waiting for a server that may be cut off or frozen.
func abandon(ctx context.Context, conn *pgx.Conn) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_ = conn.Close(ended) // there is nobody to tell
}

// Role asks PostgreSQL for its role.
func (n *Node) Role(ctx context.Context) (Role, error) {
	var recovering bool
	if err := n.Query(ctx, "SELECT pg_is_in_recovery()", nil, &recovering); err != nil {
		return "", err
	}
	if recovering {
		return Standby, nil
	}
	return Primary, nil
}

// Timeline is the timeline the node writes or replays, not the one of the last checkpoint.
func (n *Node) Timeline(ctx context.Context) (pg.Timeline, error) {
	var timeline int64
	err := n.Query(ctx, "SELECT "+pg.TimelineSQL, nil, &timeline)
	return pg.Timeline(timeline), err
}

// LSN is the write position of a primary, the replay position of a standby.
func (n *Node) LSN(ctx context.Context) (pg.LSN, error) {
	var text string
	const query = `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text`
	if err := n.Query(ctx, query, nil, &text); err != nil {
		return 0, err
	}
	return pg.ParseLSN(text)
}

// Reload makes PostgreSQL read its configuration again.
func (n *Node) Reload(ctx context.Context) error { return n.SQL(ctx, "SELECT pg_reload_conf()") }

// Mark writes a marker row on a primary and returns its token. The commit does not wait for a standby: that the row has arrived
// is asked with AwaitMark.
func (c *Cluster) Mark(ctx context.Context, primary *Node) (string, error) {
	token := rand.Text()
	// One simple query is one transaction.
	query := "SET LOCAL synchronous_commit = local; INSERT INTO crucible.marker (token) VALUES (" + pg.QuoteLiteral(token) + ")"
	err := primary.sessions.with(ctx, func(conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, query).ReadAll()
		return err
	})
	if err != nil {
		return "", fmt.Errorf("mark: %w", err)
	}
	return token, nil
}

// AwaitMark waits until the marker row with that token can be read on the node. The error of a wait that ctx ended also
// says what the last look answered.
func (n *Node) AwaitMark(ctx context.Context, token string) error {
	var last error
	err := poll(ctx, func(ctx context.Context) (found bool, err error) {
		last = n.Query(ctx, "SELECT EXISTS (SELECT FROM crucible.marker WHERE token = $1)", []any{token}, &found)
		return found, nil
	})
	if err != nil {
		return fmt.Errorf("await the marker on %s: %w", n.name, errFirst(last, err))
	}
	return nil
}

// disconnect lets go of everything that is held open towards the node.
func (n *Node) disconnect(ctx context.Context) {
	n.sessions.drop(ctx)
	n.postgres.drop()
	n.root.drop()
}
