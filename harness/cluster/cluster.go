package cluster

import (
	"context"
	"errors"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

var errNotYet = errors.New("not built yet")

// Config is what a cluster is started with.
type Config struct {
	Topology Topology
	Image    string            // a reference that the engine has, from harness/image
	Sandbox  string            // the sandbox image, from harness/image
	Labels   map[string]string // of the session: on everything that is created
	Recorder *history.Recorder // the run's clock and record
	Log      func(string)      // what is being done, for people
}

// Cluster is the nodes of one run and their network. It is made by Start and removed by Close.
type Cluster struct {
	config Config
	nodes  []*Node
}

// Start builds the nodes and returns when every standby streams and has shown a marker row written on the primary.
// On error nothing of it is left.
func Start(ctx context.Context, config Config) (*Cluster, error) { return nil, errNotYet }

// Close removes every container, network and volume of the cluster. It may be called twice.
func (c *Cluster) Close(ctx context.Context) error { return errNotYet }

// Topology is what the cluster was started as.
func (c *Cluster) Topology() Topology { return c.config.Topology }

// Recorder is the run's record.
func (c *Cluster) Recorder() *history.Recorder { return c.config.Recorder }

// Nodes are all nodes, in the order of the topology.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Node finds a node by name; an unknown name is an error that lists the known ones.
func (c *Cluster) Node(name string) (*Node, error) { return nil, errNotYet }

// Peers are the nodes other than n.
func (c *Cluster) Peers(n *Node) []*Node { return nil }

// Primaries asks every node and returns those that say they are a primary: none, one, or two, and two is a finding.
func (c *Cluster) Primaries(ctx context.Context) ([]*Node, error) { return nil, errNotYet }

// Primary is the one primary; none or several is an error that names them.
func (c *Cluster) Primary(ctx context.Context) (*Node, error) { return nil, errNotYet }

// Standbys are the nodes that answer and say they are in recovery.
func (c *Cluster) Standbys(ctx context.Context) ([]*Node, error) { return nil, errNotYet }

// DSN is a multi-host connection string to the database app with target_session_attrs=read-write and a bounded
// connect_timeout, as applications use it.
func (c *Cluster) DSN(user User) string { return "" }

// Gateway is the address from which the tester's connections reach the nodes: what a cut "from the clients" cuts.
func (c *Cluster) Gateway() string { return "" }

// Evidence writes nodes/<name>/ under dir: PostgreSQL's log, pg_controldata, *.history, settings. Passwords are left out.
func (c *Cluster) Evidence(ctx context.Context, dir string) error { return errNotYet }

// PSQL is a line a person can paste to get at a node, for KEEP=1.
func (c *Cluster) PSQL(n *Node) string { return "" }
