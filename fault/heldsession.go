package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// holder is the application_name of sessions that a fault holds.
const holder = "pgcrucible-fault"

// closeSessionWithin bounds the goodbye to a server that may be gone.
const closeSessionWithin = 2 * time.Second

// openSession opens a session of a fault's own. It ends with this process, whatever becomes of it: the kernel closes its socket and
// PostgreSQL ends a session that waits for its client's next word.
func openSession(ctx context.Context, n *cluster.Node, user cluster.User) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(n.DSN(user))
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = holder
	return pgx.ConnectConfig(ctx, config)
}

// heldSession is a session with an open transaction.
type heldSession struct {
	node *cluster.Node
	conn *pgx.Conn
	pid  int
}

// holdSession opens a session and runs what begins its transaction. It does not wait for locks for longer than injectWithin.
func holdSession(ctx context.Context, n *cluster.Node, user cluster.User, statements ...string) (*heldSession, error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	conn, err := openSession(ctx, n, user)
	if err != nil {
		return nil, err
	}
	held := &heldSession{node: n, conn: conn, pid: int(conn.PgConn().PID())}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			held.end(ctx)
			return nil, err
		}
	}
	return held, nil
}

// look is the oldest transaction that the session's snapshot, if it has one, can still see, as the server shows it to others. A session
// that is gone, or not idle in its transaction, is an error.
func (s *heldSession) look(ctx context.Context) (xmin string, err error) {
	var state string
	err = s.node.Query(ctx, `select coalesce(max(state), 'gone'), coalesce(max(backend_xmin::text), '') from pg_stat_activity
		where pid = $1 and application_name = $2`, []any{s.pid, holder}, &state, &xmin)
	if err == nil && state != "idle in transaction" {
		err = fmt.Errorf("session %d on %s is %s, not idle in transaction", s.pid, s.node, state)
	}
	return xmin, err
}

// end closes the session; one whose server is gone is closed all the same.
func (s *heldSession) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeSessionWithin)
	defer cancel()
	_ = s.conn.Close(ctx) // whether it is gone is asked of the server
}

// ended sees that no session of the fault with that PID is left; a server that does not run has none.
func (s *heldSession) ended(ctx context.Context) error {
	return sessionsGone(ctx, s.node, []int{s.pid})
}

func sessionsGone(ctx context.Context, n *cluster.Node, pids []int) error {
	running, err := n.Running(ctx)
	if err != nil || !running {
		return err
	}
	return await(ctx, "the end of the fault's sessions", func(ctx context.Context) (string, error) {
		left, err := asked[int](ctx, n, `select count(*) from pg_stat_activity where application_name = $1 and pid = any($2)`, holder, pids)
		if err == nil && left > 0 {
			return fmt.Sprintf("%d are left on %s", left, n), nil
		}
		return "", err
	})
}

// answered is the SQLSTATE of a server's answer in err; empty if it is none.
func answered(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
