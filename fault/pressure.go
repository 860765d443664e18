package fault

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// MemoryPressure leaves PostgreSQL's container hardly more memory than it needs, so that the kernel has no room for the pages of its files.
//
// It imitates a pod with too tight a memory limit, a neighbour that took the page cache, a working set that has outgrown the machine: what was
// read from memory is read from the disk again and again, and every allocation waits for something to be dropped first. Nothing is killed: see OutOfMemory.
//
// Mechanism: the memory limit of the container, lowered through the engine to what its processes use and the kernel cannot drop, what is not yet used of
// the shared buffers, and Headroom. A file beside the data folder, somewhat larger than the room that is left, shows that it does not fit. It needs control
// groups with a limit of memory, and a file system that says what it read from its device. It does not press the host or other nodes. If the
// node needs Headroom more than at the moment of injection, the kernel kills; then Verify says so.
//
// It heals by Revert, which restores the limit and removes the file; after the death of the tester `make heal` does.
type MemoryPressure struct {
	Target   Target
	Headroom int64 // bytes, at least 4 MiB
}

// leastHeadroom is what the kernel itself needs to work with.
const leastHeadroom = 4 << 20

// surplus is by how much the file is larger than the room, in bytes.
const surplus = 32 << 20

// String is "memory-pressure(primary, 16 MiB)".
func (f MemoryPressure) String() string {
	return fmt.Sprintf("memory-pressure(%s, %d MiB)", f.Target, f.Headroom>>20)
}

func (f MemoryPressure) check() error {
	if f.Headroom < leastHeadroom {
		return fmt.Errorf("%s: want a headroom of at least %d bytes", f, int64(leastHeadroom))
	}
	return nil
}

// Supported asks for control groups.
func (f MemoryPressure) Supported(ctx context.Context, c *cluster.Cluster) error {
	return countable(ctx, c)
}

// Mechanism names the version of control groups.
func (f MemoryPressure) Mechanism(ctx context.Context, c *cluster.Cluster) string {
	return groups(ctx, c, "a memory limit near what is needed")
}

// Footprint of a node that is slow: everything is still answered.
func (f MemoryPressure) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String()}, Holds: []string{"memory of " + f.Target.String()}}
}

// Bind finds the node and its limits.
func (f MemoryPressure) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	_, limit, err := node.Limits(ctx)
	file := path.Join(path.Dir(node.DataDir()), "memory-pressure")
	return &pressed{headroom: f.Headroom, node: node, peers: r.Cluster.Peers(node), hits: r.hits, was: limit, file: file}, err
}

// pressed is a node to press, and, after Inject, pressed.
type pressed struct {
	headroom  int64
	node      *cluster.Node
	peers     []*cluster.Node
	was       cluster.MemoryLimit
	file      string
	before    cluster.Usage
	others    bystanders
	hits      *hits
	release   func()
	limit     int64 // bytes
	at, ended time.Time
}

func (b *pressed) String() string {
	return fmt.Sprintf("memory-pressure(%s, %d MiB)", b.node, b.headroom>>20)
}

func (b *pressed) Targets() []string { return []string{b.node.Name()} }

func (b *pressed) Undo() []intent.Action {
	return []intent.Action{
		undoMemory(b.node, b.was),
		{Kind: intent.Exec, Node: b.node.Name(), Container: b.node.Container(), User: "postgres", Argv: []string{"rm", "-f", b.file}},
	}
}

// Inject writes the file, on disk before the limit is lowered: pages that are not written yet could not be dropped.
func (b *pressed) Inject(ctx context.Context) (_ Active, err error) {
	if b.before, err = b.node.Usage(ctx); err != nil {
		return nil, err
	}
	if b.others, err = watch(ctx, b.hits, resourceMemory, b.peers); err != nil {
		return nil, err
	}
	b.release = b.hits.limit(resourceMemory + " of " + b.node.Name())
	needed, err := least(ctx, b.node, b.before)
	if err != nil {
		return b, err
	}
	b.limit = needed + b.headroom
	size := b.limit - (b.before.Memory - b.before.PageCache) + surplus
	if _, err := b.node.Shell(ctx, `exec dd if=/dev/zero of="$1" bs=1M count="$2" conv=fsync 2>/dev/null`, b.file, fmt.Sprint(size>>20)); err != nil {
		return b, err
	}
	err = b.node.LimitMemory(ctx, tight(b.limit))
	b.at = time.Now()
	return b, err
}

// Verify reads the file twice, and the second time it comes from the device again; the kernel counts how often the limit was hit. Control: nobody was
// killed, PostgreSQL answers, and the other nodes' limits are as they were.
func (b *pressed) Verify(ctx context.Context) (Evidence, error) {
	before, err := b.node.Usage(ctx)
	if err != nil {
		return Evidence{}, err
	}
	again, err := reread(ctx, b.node, b.file)
	if err != nil {
		return Evidence{}, err
	}
	after, err := b.node.Usage(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if again < surplus/2 {
		return Evidence{}, fmt.Errorf("of a file that should not fit into the memory of %s only %d bytes were read from the device again", b.node, again)
	}
	if after.LimitHits <= before.LimitHits {
		return Evidence{}, fmt.Errorf("the memory limit of %s was not hit", b.node)
	}
	control, err := b.control(ctx, after)
	if err != nil {
		return Evidence{}, fmt.Errorf("see the control: %w", err)
	}
	return Evidence{
		At: b.at, Effect: fmt.Sprintf("%s reads %d MB from its disk that it has just read", b.node, again>>20), Control: control,
		Values: map[string]string{
			"mechanism": fmt.Sprintf("memory limit, control groups v%d", after.Version), "limit": fmt.Sprint(after.MemoryLimit),
			"limit hits": fmt.Sprint(after.LimitHits - b.before.LimitHits),
		},
	}, nil
}

func (b *pressed) control(ctx context.Context, now cluster.Usage) (string, error) {
	if now.OOMKills > b.before.OOMKills {
		return "", fmt.Errorf("the kernel has killed %d processes of %s for their memory", now.OOMKills-b.before.OOMKills, b.node)
	}
	if err := served(ctx, b.node); err != nil {
		return "", err
	}
	others, err := b.others.spared(ctx)
	return "no process was killed, PostgreSQL on " + b.node.Name() + " answers, " + others, err
}

// Revert sets the limit to what it was and removes the file.
func (b *pressed) Revert(ctx context.Context) error {
	if err := b.node.LimitMemory(ctx, b.was); err != nil {
		return err
	}
	if b.ended.IsZero() {
		b.ended = time.Now()
	}
	b.release()
	if dead, err := b.node.ContainerDead(ctx); err != nil || dead {
		return err
	}
	_, err := b.node.Shell(ctx, `exec rm -f "$1"`, b.file)
	return err
}

// VerifyReverted reads the limit that the kernel holds.
func (b *pressed) VerifyReverted(ctx context.Context) (Evidence, error) {
	evidence, err := memoryRestored(ctx, b.node, b.before)
	evidence.At = b.ended
	return evidence, err
}
