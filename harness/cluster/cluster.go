package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Config is what a cluster is started with.
type Config struct {
	Topology Topology
	Image    string            // a reference that the engine has, from harness/image
	Sandbox  string            // the sandbox image, from harness/image
	Labels   map[string]string // of the session: on everything that is created
	Publish  bool              // reach nodes at published loopback ports even where their own addresses can be dialled
	Recorder *history.Recorder // the run's clock and record
	Log      func(string)      // what is being done, for people; may be nil
}

func (c Config) log(format string, args ...any) {
	if c.Log != nil {
		c.Log(fmt.Sprintf(format, args...))
	}
}

// Cluster is the nodes of one run and their network. It is made by Start, or of an earlier one by Reset, and removed by Close.
type Cluster struct {
	config    Config
	nodes     []*Node
	docker    *client.Client
	id        string // names what is created
	resets    int    // how often its network and sandboxes were taken over
	labels    map[string]string
	subnet    subnet
	passwords map[User]string
	direct    bool // nodes are reached at their own addresses, else at published loopback ports

	closing sync.Mutex
	closed  bool
}

// Close removes every container, network and volume of the cluster. It may be called twice, and again after an error.
func (c *Cluster) Close(ctx context.Context) error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return nil
	}
	var group errgroup.Group
	for _, n := range c.nodes {
		group.Go(func() error { return n.removePostgres(ctx) })
		group.Go(func() error { return remove(ctx, c.docker, n.pod.sandbox) })
	}
	err := group.Wait()
	if err == nil {
		err = removeNetwork(ctx, c.docker, c.networkName())
	}
	if err == nil {
		c.closed = true
		err = c.docker.Close()
	}
	if err != nil {
		return fmt.Errorf("remove cluster %s: %w", c.id, err)
	}
	return nil
}

func (c *Cluster) networkName() string { return "pgcrucible-" + c.id }

// Topology is what the cluster was started as.
func (c *Cluster) Topology() Topology { return c.config.Topology }

// Recorder is the run's record.
func (c *Cluster) Recorder() *history.Recorder { return c.config.Recorder }

// Nodes are all nodes, in the order of the topology.
func (c *Cluster) Nodes() []*Node { return slices.Clone(c.nodes) }

// Node finds a node by name; an unknown name is an error that lists the known ones.
func (c *Cluster) Node(name string) (*Node, error) {
	for _, n := range c.nodes {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("node %q: unknown; want one of %s", name, strings.Join(c.config.Topology.Nodes, ", "))
}

// Peers are the nodes other than n.
func (c *Cluster) Peers(n *Node) []*Node {
	return slices.DeleteFunc(c.Nodes(), func(other *Node) bool { return other == n })
}

// Gateway is the address from which the tester's connections reach the nodes: what a cut "from the clients" cuts.
func (c *Cluster) Gateway() string { return c.subnet.gateway().String() }

// check refuses a configuration before anything is created.
func (c Config) check() error {
	t := c.Topology
	if len(t.Nodes) == 0 || len(t.Nodes) > maxNodes {
		return fmt.Errorf("topology: %d nodes; want 1 to %d", len(t.Nodes), maxNodes)
	}
	seen := map[string]bool{}
	for _, name := range t.Nodes {
		if !nodeName.MatchString(name) || seen[name] {
			return fmt.Errorf("topology: node %q: want distinct names of lower-case letters, digits and underscores, beginning with a letter", name)
		}
		seen[name] = true
	}
	if !slices.Contains([]CommitLevel{Async, Sync, RemoteApply}, t.Commit) {
		return fmt.Errorf("topology: commit level %q; want %s, %s or %s", t.Commit, Async, Sync, RemoteApply)
	}
	if !slices.Contains([]Disk{VolumeDisk, LoopDisk}, t.Disk) {
		return fmt.Errorf("topology: disk %q; want %s, or nothing for a volume", t.Disk, LoopDisk)
	}
	if t.Rows < 0 {
		return fmt.Errorf("topology: %d rows", t.Rows)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Settings)) {
		if !settingName.MatchString(name) {
			return fmt.Errorf("topology: setting %q: not a name of a setting", name)
		}
		if strings.ContainsAny(t.Settings[name], "\n\x00") {
			return fmt.Errorf("topology: setting %s: a value of several lines", name)
		}
	}
	if c.Image == "" || c.Sandbox == "" {
		return errors.New("cluster: an image of PostgreSQL and one of the sandbox are needed")
	}
	return nil
}
