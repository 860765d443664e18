package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net"
	"strconv"
	"sync"

	"github.com/pgcrucible/pgcrucible/harness/cluster/internal/shell"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Node is one PostgreSQL and its sandbox. Its methods may be called from many goroutines.
type Node struct {
	name    string
	address string
	cluster *Cluster
	pod     pod
	token   string // the agent's

	publishedPostgres, publishedAgent string // host:port on loopback

	postgres, root shells
	sessions       sessions

	mu      sync.Mutex
	wanted  map[string]string
	besides []string // containers that StartBeside made
}

func (c *Cluster) newNode(name string) *Node {
	n := &Node{name: name, cluster: c, token: rand.Text()}
	postgres := fmt.Sprintf("pgcrucible-%s-%s", c.id, name)
	n.pod = pod{postgres: postgres, sandbox: postgres + "-net", disk: postgres + "-disk"}
	if c.resets > 0 {
		n.pod.postgres += fmt.Sprintf("-%d", c.resets) // the one before may still be going
	}
	n.postgres = shells{docker: c.docker, container: n.pod.postgres, user: superuser}
	n.root = shells{docker: c.docker, container: n.pod.postgres, user: "root"}
	n.sessions = sessions{node: n}
	return n
}

// Name is the node's name, for example pg1.
func (n *Node) Name() string { return n.name }

// Address is its address on the run's network.
func (n *Node) Address() string { return n.address }

// String is the node's name.
func (n *Node) String() string { return n.name }

// DataDir is PGDATA inside the node.
func (n *Node) DataDir() string { return dataDir }

// ArchiveDir is the node's own WAL archive.
func (n *Node) ArchiveDir() string { return archiveDir }

// LogFile is where PostgreSQL's log is inside the node.
func (n *Node) LogFile() string { return logFile }

// Container is the name of the container that PostgreSQL runs in.
func (n *Node) Container() string { return n.pod.postgres }

// Sandbox is the name of the container that owns the node's network.
func (n *Node) Sandbox() string { return n.pod.sandbox }

// SandboxImage is the image with this module's own programs.
func (n *Node) SandboxImage() string { return n.cluster.config.Sandbox }

// PeerSlot is the name of the physical replication slot that upstream nodes keep for this node.
func (n *Node) PeerSlot() string { return n.name }

// Agent is where the sandbox's agent listens (address:port reachable from the tester) and the token it wants.
func (n *Node) Agent() (address, token string) {
	if n.cluster.direct {
		return net.JoinHostPort(n.address, strconv.Itoa(agentPort)), n.token
	}
	return n.publishedAgent, n.token
}

// Endpoint is where the tester reaches PostgreSQL, host:port: the node's own address wherever it can be routed to, because a published port
// goes through a proxy that accepts connections even if the node is cut off.
func (n *Node) Endpoint() string {
	if n.cluster.direct {
		return net.JoinHostPort(n.address, strconv.Itoa(postgresPort))
	}
	return n.publishedPostgres
}

// Exec runs a program as the postgres user in PostgreSQL's container and returns its output. A non-zero exit is an
// *ExitError with both outputs.
func (n *Node) Exec(ctx context.Context, argv ...string) (string, error) {
	return n.Shell(ctx, `exec "$@"`, argv...)
}

// Shell runs a POSIX shell script as the postgres user; args are $1, $2, ... so nothing is ever pasted into the script.
// It goes through a shell that is kept open: a round trip of about a millisecond, where docker exec takes 70.
// A non-zero exit is an *ExitError. When ctx ends, the script and what it started are killed.
// Calls at one time each have a shell of their own. What a script leaves running must not hold its outputs.
func (n *Node) Shell(ctx context.Context, script string, args ...string) (string, error) {
	result, err := n.postgres.run(ctx, script, args...)
	return n.output(result, err)
}

// RootShell is Shell as root.
func (n *Node) RootShell(ctx context.Context, script string, args ...string) (string, error) {
	result, err := n.root.run(ctx, script, args...)
	return n.output(result, err)
}

func (n *Node) output(result shell.Result, err error) (string, error) {
	if err != nil {
		err = fmt.Errorf("%s: %w", n.name, err)
	}
	return string(result.Stdout), err
}

// ReadFile reads a file inside the node.
func (n *Node) ReadFile(ctx context.Context, path string) ([]byte, error) {
	text, err := n.Shell(ctx, `exec cat "$1"`, path)
	return []byte(text), err
}

// WriteFile writes a file inside the node, owned by postgres, mode 0600, whole or not at all. On a disk of the node's own it is synced.
func (n *Node) WriteFile(ctx context.Context, path string, content []byte) error {
	sync := ""
	if n.DiskHolder() != "" {
		sync = "sync \"$1.part\"\n"
	}
	_, err := n.Shell(ctx, "set -e\numask 077\n{\n"+shell.Echo(content)+"} >\"$1.part\"\n"+sync+"mv \"$1.part\" \"$1\"", path)
	return err
}

// ControlData is the output of pg_controldata, which needs no running server.
func (n *Node) ControlData(ctx context.Context) (pg.ControlData, error) {
	text, err := n.Exec(ctx, "pg_controldata", "-D", dataDir)
	if err != nil {
		return pg.ControlData{}, err
	}
	data, err := pg.ParseControlData(text)
	if err != nil {
		return data, fmt.Errorf("%s: %w", n.name, err)
	}
	return data, nil
}

// Log is the part of PostgreSQL's log from a byte offset on.
func (n *Node) Log(ctx context.Context, from int64) (string, error) {
	return n.Shell(ctx, `if [ -e "$1" ]; then exec tail -c "+$2" "$1"; fi`, logFile, strconv.FormatInt(from+1, 10))
}

// LogSize is the present length of PostgreSQL's log in bytes: an offset for Log.
func (n *Node) LogSize(ctx context.Context) (size int64, err error) {
	text, err := n.Shell(ctx, `if [ -e "$1" ]; then wc -c <"$1"; else echo 0; fi`, logFile)
	if err == nil {
		_, err = fmt.Sscan(text, &size)
	}
	return size, err
}

// WantedSettings are the settings that Identity gave, as name -> value without passwords: what a check compares with.
func (n *Node) WantedSettings() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.wanted)
}
