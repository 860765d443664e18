package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// StopMode is how PostgreSQL is asked to stop.
type StopMode string

// The modes of pg_ctl stop.
const (
	Fast      StopMode = "fast"
	Immediate StopMode = "immediate"
	Smart     StopMode = "smart"
)

// status is what postmaster.pid says in its last line, padded with spaces (miscadmin.h, PM_STATUS_READY).
const status = `pid=; state=
if [ -r "$PGDATA/postmaster.pid" ]; then
	{ read -r pid; for skip in 2 3 4 5 6 7; do read -r skip; done; read -r state; } <"$PGDATA/postmaster.pid" 2>/dev/null
fi
name=
[ -n "$pid" ] && read -r name <"/proc/$pid/comm" 2>/dev/null
echo "${name:--} ${state:--}"`

// Start starts PostgreSQL and returns when it accepts connections (of a standby: read-only ones).
// A server that ends while it starts is an error with the end of its log.
func (n *Node) Start(ctx context.Context) error {
	if err := n.launch(ctx); err != nil {
		return err
	}
	if err := n.answers(ctx); err != nil {
		return fmt.Errorf("start: it runs, but: %w", err)
	}
	return nil
}

const (
	// answersWithin bounds the wait for a standby that has still to replay the roles' passwords.
	answersWithin = 10 * time.Second
	// invalidPassword is the SQLSTATE of a password that is wrong, or that the role does not have yet.
	invalidPassword = "28P01"
)

// answers asks for the role. A young standby that was killed is open for connections as soon as it is consistent, which can be
// before it has replayed again what the run began with.
func (n *Node) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	var last error
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := n.Role(ctx)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == invalidPassword {
			last = err
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return errFirst(last, err)
	}
	return nil
}

// startScript says how long the log $1 is and starts PostgreSQL without waiting for it. A lock file (of the data folder, of a socket) that a killed container
// has left names a process of its earlier life: with that PID in use again PostgreSQL would not start, or its old word that it is ready would be believed.
const startScript = `set -e
if [ -e "$1" ]; then wc -c <"$1"; else echo 0; fi
for lock in "$PGDATA/postmaster.pid" "$PGHOST"/.s.PGSQL.*.lock; do
	[ -r "$lock" ] || continue
	pid= name=
	read -r pid <"$lock" || :
	{ read -r name <"/proc/${pid#-}/comm"; } 2>/dev/null || :
	case $name in postgres|postmaster) ;; *) rm -f "$lock" ;; esac
done
pg_ctl -D "$PGDATA" -W -l "$1" start >/dev/null`

// launch starts PostgreSQL and waits for its own word that it is ready: a look at a file, where connections that come too early
// would each leave a FATAL line in the log.
func (n *Node) launch(ctx context.Context) error {
	text, err := n.Shell(ctx, startScript, logFile)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	var size int64
	if _, err := fmt.Sscan(text, &size); err != nil {
		return fmt.Errorf("start: %q: %w", text, err)
	}
	absent := 0
	err = poll(ctx, func(ctx context.Context) (bool, error) {
		text, err := n.Shell(ctx, status)
		if err != nil {
			return false, err
		}
		process, state, _ := strings.Cut(strings.TrimSpace(text), " ")
		if process == "postgres" {
			absent = 0
			return state == "ready", nil
		}
		// It takes a moment until the file is there. 60 looks are more than 300 ms.
		if absent++; absent > 60 {
			alive, err := n.Running(ctx)
			if err != nil || alive {
				return false, err
			}
			return false, errors.New("the server has ended")
		}
		return false, nil
	})
	if err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), killWithin)
		defer cancel()
		log, _ := n.Log(clean, size) // the reason is usually there; without it the error stands alone
		return fmt.Errorf("start %s: %w; its log: %s", n.name, err, tail(log, 2000))
	}
	return nil
}

func tail(text string, most int) string {
	if len(text) > most {
		text = "..." + text[len(text)-most:]
	}
	return strings.TrimSpace(text)
}

// Stop stops PostgreSQL and returns when its postmaster and all its children are gone. One that does not run is stopped already.
// If ctx ends first the error names the processes that are still there.
func (n *Node) Stop(ctx context.Context, mode StopMode) error {
	running, err := n.Running(ctx)
	if err != nil || !running {
		return err
	}
	n.sessions.drop(ctx) // a smart stop would wait for the harness's own
	if _, err := n.Exec(ctx, "pg_ctl", "-D", dataDir, "-W", "-m", string(mode), "stop"); err != nil {
		if running, again := n.Running(ctx); again == nil && !running {
			return nil // it ended by itself in between
		}
		return fmt.Errorf("stop: %w", err)
	}
	if err := n.awaitGone(ctx); err != nil {
		return fmt.Errorf("stop %s (%s): %w", n.name, mode, err)
	}
	return nil
}

// Kill sends SIGKILL to the postmaster and returns, with the moment of the signal, when it and all its children are gone.
func (n *Node) Kill(ctx context.Context) (time.Time, error) {
	at, err := n.Signal(ctx, Postmaster, syscall.SIGKILL)
	if err != nil {
		return at, err
	}
	if err := n.awaitGone(ctx); err != nil {
		return at, fmt.Errorf("kill %s: %w", n.name, err)
	}
	return at, nil
}

// awaitGone waits until no process of PostgreSQL is left, not even one that nobody has waited for.
func (n *Node) awaitGone(ctx context.Context) error {
	var left []process
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		found, err := n.processes(ctx)
		if err == nil {
			left = found
		}
		return err == nil && len(found) == 0, err
	})
	if err != nil {
		return errFirst(describe(left), err)
	}
	return nil
}

// Running says whether there is a live postmaster (one that is only stopped by SIGSTOP is live). In a dead container there is none.
func (n *Node) Running(ctx context.Context) (bool, error) {
	found, err := n.processes(ctx)
	if err != nil {
		dead, asked := n.ContainerDead(ctx)
		return false, errFirst(asked, errIf(err, !dead))
	}
	for _, p := range found {
		if p.kind() == Postmaster {
			return true, nil
		}
	}
	return false, nil
}
