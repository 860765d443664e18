package cluster

import (
	"context"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Node is one PostgreSQL and its sandbox.
type Node struct {
	name    string
	address string
}

// Name is the node's name, for example pg1.
func (n *Node) Name() string { return n.name }

// Address is its address on the run's network.
func (n *Node) Address() string { return n.address }

// String is the node's name.
func (n *Node) String() string { return n.name }

// DSN connects straight to this node, whatever its role.
func (n *Node) DSN(user User) string { return "" }

// Conninfo is the libpq connection string by which other nodes reach this one (user Replica or Rewind).
// It holds a password: for files and environment inside a node, never for a log.
func (n *Node) Conninfo(user User) string { return "" }

// Connect opens a connection to this node; the caller closes it.
func (n *Node) Connect(ctx context.Context, user User) (*pgx.Conn, error) { return nil, errNotYet }

// SQL runs one statement as Admin in the database app on a connection that the node keeps.
func (n *Node) SQL(ctx context.Context, query string, args ...any) error { return errNotYet }

// Query runs a statement as Admin and scans its single row.
func (n *Node) Query(ctx context.Context, query string, args []any, into ...any) error {
	return errNotYet
}

// Role asks PostgreSQL for its role.
func (n *Node) Role(ctx context.Context) (Role, error) { return "", errNotYet }

// Timeline is the timeline the node writes or replays, not the one of the last checkpoint.
func (n *Node) Timeline(ctx context.Context) (pg.Timeline, error) { return 0, errNotYet }

// LSN is the write position of a primary, the replay position of a standby.
func (n *Node) LSN(ctx context.Context) (pg.LSN, error) { return 0, errNotYet }

// ControlData is the output of pg_controldata, which needs no running server.
func (n *Node) ControlData(ctx context.Context) (pg.ControlData, error) {
	return pg.ControlData{}, errNotYet
}

// Log is the part of PostgreSQL's log from a byte offset on.
func (n *Node) Log(ctx context.Context, from int64) (string, error) { return "", errNotYet }

// DataDir is PGDATA inside the node.
func (n *Node) DataDir() string { return "/pg/data" }

// StopMode is how PostgreSQL is asked to stop.
type StopMode string

// The modes of pg_ctl stop.
const (
	Fast      StopMode = "fast"
	Immediate StopMode = "immediate"
	Smart     StopMode = "smart"
)

// Start starts PostgreSQL and returns when it accepts connections (of a standby: read-only ones).
func (n *Node) Start(ctx context.Context) error { return errNotYet }

// Stop stops PostgreSQL and returns when its postmaster is gone.
func (n *Node) Stop(ctx context.Context, mode StopMode) error { return errNotYet }

// Kill sends SIGKILL to the postmaster and returns, with the moment of the signal, when it and all its children are gone.
func (n *Node) Kill(ctx context.Context) (time.Time, error) { return time.Time{}, errNotYet }

// Running says whether there is a live postmaster (one that is only stopped by SIGSTOP is live).
func (n *Node) Running(ctx context.Context) (bool, error) { return false, errNotYet }

// Process is a kind of PostgreSQL process, named as in its title: postmaster, walreceiver, walsender, startup, checkpointer,
// archiver, walwriter, "background writer", or client backend.
type Process string

// The processes that can be signalled.
const (
	Postmaster   Process = "postmaster"
	WALReceiver  Process = "walreceiver"
	WALSender    Process = "walsender"
	Startup      Process = "startup"
	Checkpointer Process = "checkpointer"
	Archiver     Process = "archiver"
	WALWriter    Process = "walwriter"
	Backend      Process = "backend"
)

// PIDs finds the processes of that kind, as PIDs inside the node's container.
func (n *Node) PIDs(ctx context.Context, p Process) ([]int, error) { return nil, errNotYet }

// Signal sends a signal to every process of that kind; none is an error. It returns the moment it was sent.
func (n *Node) Signal(ctx context.Context, p Process, s syscall.Signal) (time.Time, error) {
	return time.Time{}, errNotYet
}

// Exec runs a program as the postgres user in PostgreSQL's container and returns its output. A non-zero exit is an
// *ExitError with both outputs.
func (n *Node) Exec(ctx context.Context, argv ...string) (string, error) { return "", errNotYet }

// Shell runs a POSIX shell script as the postgres user; args are $1, $2, ... so nothing is ever pasted into the script.
// It goes through a shell that is kept open: a round trip of about a millisecond, where docker exec takes 70.
func (n *Node) Shell(ctx context.Context, script string, args ...string) (string, error) {
	return "", errNotYet
}

// RootShell is Shell as root.
func (n *Node) RootShell(ctx context.Context, script string, args ...string) (string, error) {
	return "", errNotYet
}

// ReadFile reads a file inside the node. WriteFile writes one, owned by postgres, mode 0600, whole or not at all.
func (n *Node) ReadFile(ctx context.Context, path string) ([]byte, error) { return nil, errNotYet }

// WriteFile is the reverse of ReadFile.
func (n *Node) WriteFile(ctx context.Context, path string, content []byte) error { return errNotYet }

// Identity writes this node's own settings for a role into postgresql.auto.conf, replacing what is there: cluster_name, and
// for a standby primary_conninfo and primary_slot_name towards upstream; for a primary synchronous_standby_names
// (empty unless sync is set). pg_rewind overwrites them with the source's, so a rejoin calls this again.
func (n *Node) Identity(ctx context.Context, role Role, upstream *Node, sync bool) error {
	return errNotYet
}

// WantedSettings are the settings that Identity gave, as name -> value without passwords: what a check compares with.
func (n *Node) WantedSettings() map[string]string { return nil }

// KillContainer sends SIGKILL to PostgreSQL's container. Address, port and fault rules stay: they are the sandbox's.
func (n *Node) KillContainer(ctx context.Context) (time.Time, error) { return time.Time{}, errNotYet }

// StopContainer is docker stop with a grace time.
func (n *Node) StopContainer(ctx context.Context, grace time.Duration) error { return errNotYet }

// StartContainer starts PostgreSQL's container again, without PostgreSQL.
func (n *Node) StartContainer(ctx context.Context) error { return errNotYet }

// PauseContainer freezes every process of PostgreSQL's container; UnpauseContainer thaws them.
func (n *Node) PauseContainer(ctx context.Context) error { return errNotYet }

// UnpauseContainer is the reverse of PauseContainer.
func (n *Node) UnpauseContainer(ctx context.Context) error { return errNotYet }

// Agent is where the sandbox's agent listens (address:port reachable from the tester) and the token it wants.
func (n *Node) Agent() (address, token string) { return "", "" }

// PeerSlot is the name of the physical replication slot that upstream nodes keep for this node.
func (n *Node) PeerSlot() string { return n.name }
