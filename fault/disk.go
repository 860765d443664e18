package fault

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// ownDisks says why faults of a whole disk cannot be done: only what is a node's alone may be broken.
func ownDisks(c *cluster.Cluster) error {
	if c.Topology().Disk == cluster.VolumeDisk {
		return unsupported("the nodes lie on volumes of the engine's own disk: start them with Topology.Disk = %q", cluster.LoopDisk)
	}
	return nil
}

// diskFolder is where the node's disk is mounted.
func diskFolder(node *cluster.Node) string { return path.Dir(node.DataDir()) }

// writeProbe writes 128 kB to a new file in the folder $1, syncs it, removes it, and prints what went wrong.
const writeProbe = `if ! said=$(dd if=/dev/zero of="$1/probe" bs=8192 count=16 conv=fsync 2>&1); then echo "failed: $said"; fi
rm -f "$1/probe" 2>/dev/null
:`

// writes tries a write to the node's disk, as PostgreSQL's user: empty if it went well, else the system's words.
func writes(ctx context.Context, node *cluster.Node) (string, error) {
	text, err := node.Shell(ctx, writeProbe, diskFolder(node))
	return strings.TrimSpace(text), err
}

// refuses wants a write to fail with these words of the system's.
func refuses(ctx context.Context, node *cluster.Node, words string) (effect string, err error) {
	said, err := writes(ctx, node)
	switch {
	case err != nil:
		return "", err
	case said == "":
		return "", fmt.Errorf("a write to the disk of %s went well", node)
	case !strings.Contains(said, words):
		return "", fmt.Errorf("a write to the disk of %s: %s; want %s", node, said, words)
	}
	return "a write to the disk of " + node.Name() + " fails: " + words, nil
}

// accepts wants a write to go well.
func accepts(ctx context.Context, node *cluster.Node) (effect string, err error) {
	said, err := writes(ctx, node)
	if err == nil && said != "" {
		err = fmt.Errorf("a write to the disk of %s: %s", node, said)
	}
	return "a write to the disk of " + node.Name() + " goes well", err
}

// readsOn is a control: the disk still gives what is on it, and the other nodes answer.
func readsOn(ctx context.Context, node *cluster.Node, peers []*cluster.Node) (string, error) {
	if _, err := node.ReadFile(ctx, node.DataDir()+"/PG_VERSION"); err != nil {
		return "", fmt.Errorf("the disk of %s cannot be read either: %w", node, err)
	}
	others, err := othersAnswer(ctx, node, peers)
	return "the disk is read, " + others, err
}

// mountAnew starts a node's dead container when its file system, as the fault left it, is gone: the engine unmounts it with the container,
// but a container that is being made elsewhere at that moment can hold it for an instant, and who mounts it then gets the old one.
func mountAnew(ctx context.Context, node *cluster.Node) error {
	for {
		_, err := node.Disk(ctx, "try")
		if err == nil {
			return node.StartContainer(ctx)
		}
		if pause(ctx, probeAsk) != nil {
			return err
		}
	}
}

// boundDisk is what the faults of a disk have in common.
type boundDisk struct {
	name    string
	node    *cluster.Node
	peers   []*cluster.Node
	restart bool
}

func bindDisk(ctx context.Context, r *Runner, name string, target Target, restart bool) (boundDisk, error) {
	node, err := target.one(ctx, r.Cluster)
	if err != nil {
		return boundDisk{}, err
	}
	return boundDisk{name: name, node: node, peers: r.Cluster.Peers(node), restart: restart}, nil
}

func (b *boundDisk) String() string    { return b.name + "(" + b.node.Name() + ")" }
func (b *boundDisk) Targets() []string { return []string{b.node.Name()} }

// diskFootprint says that PostgreSQL may end, and that the disk is one fault's.
func diskFootprint(t Target) Footprint { return Kill(t).Footprint() }
