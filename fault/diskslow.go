package fault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// DiskSlow makes a node's disk slow: each flush of its cache takes longer, or only so many bytes pass in a second, or both.
//
// It imitates a worn or shared disk, a controller that has lost its write cache, a cloud volume out of its credit: commits wait, nothing fails.
//
// Mechanism: a layer of ours between the loop device and its file holds requests up. A commit with fsync=on takes one or two flushes. What is in
// the page cache is read as fast as ever. It needs a disk of the node's own (Topology.Disk) on an engine with FUSE. The archive, on a volume
// of its own, is not slow.
//
// It heals by Revert, at once: whoever waits goes on.
type DiskSlow struct {
	Target Target
	Sync   time.Duration // longer, each flush; 0: as fast as it is
	Rate   int64         // bytes a second, reads and writes together; 0: as many as it can
}

// String is "disk-slow(primary, sync 200ms)".
func (f DiskSlow) String() string { return "disk-slow(" + f.Target.String() + f.detail() + ")" }

func (f DiskSlow) detail() string {
	detail := ""
	if f.Sync > 0 {
		detail += ", sync " + f.Sync.String()
	}
	if f.Rate > 0 {
		detail += fmt.Sprintf(", %d bytes/s", f.Rate)
	}
	return detail
}

func (f DiskSlow) check() error {
	if f.Sync < 0 || f.Rate < 0 || (f.Sync == 0 && f.Rate == 0) {
		return errors.New("disk-slow: want a time of a flush or a rate above 0")
	}
	return nil
}

// Supported asks whether the nodes have disks of their own with a layer.
func (f DiskSlow) Supported(ctx context.Context, c *cluster.Cluster) error {
	return layeredDisks(ctx, c)
}

// Footprint says that the disk is one fault's; PostgreSQL goes on.
func (f DiskSlow) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String()}, Holds: []string{"processes of " + f.Target.String()}}
}

// Bind finds the node.
func (f DiskSlow) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	disk, err := bindDisk(ctx, r, "disk-slow", f.Target, false)
	return &diskSlow{boundDisk: disk, fault: f}, err
}

type diskSlow struct {
	boundDisk
	fault DiskSlow
	at    time.Time
}

func (b *diskSlow) String() string { return "disk-slow(" + b.node.Name() + b.fault.detail() + ")" }

// Undo makes the disk as fast as it is.
func (b *diskSlow) Undo() []intent.Action { return diskUndo(b.node, "slow", "0", "0") }

// Inject slows the disk down.
func (b *diskSlow) Inject(ctx context.Context) (Active, error) {
	_, err := b.node.Disk(ctx, "slow", strconv.FormatInt(b.fault.Sync.Microseconds(), 10), strconv.FormatInt(b.fault.Rate, 10))
	b.at = time.Now()
	return b, err
}

// probeBytes is what a write probe writes.
const probeBytes = 128 << 10

// Verify writes and syncs a file and sees that it took at least as long as the slowness says, and that the layer held requests up.
func (b *diskSlow) Verify(ctx context.Context) (Evidence, error) {
	before, err := diskCount(ctx, b.node)
	if err != nil {
		return Evidence{}, err
	}
	asked := time.Now()
	if _, err := accepts(ctx, b.node); err != nil {
		return Evidence{}, err
	}
	took := time.Since(asked)
	after, err := diskCount(ctx, b.node)
	if err != nil {
		return Evidence{}, err
	}
	least := b.fault.Sync
	if b.fault.Rate > 0 {
		least = max(least, time.Duration(float64(probeBytes)/float64(b.fault.Rate)*float64(time.Second)))
	}
	delayed := after.delayed - before.delayed
	if took < least || delayed == 0 {
		return Evidence{}, fmt.Errorf("%s wrote and synced %d bytes in %s, want %s or more; %d requests were held up", b.node, probeBytes, took, least, delayed)
	}
	control, err := othersAnswer(ctx, b.node, b.peers)
	return Evidence{
		At: b.at, Effect: fmt.Sprintf("%s writes and syncs %d bytes in %s", b.node, probeBytes, took.Round(time.Millisecond)), Control: "nothing fails, " + control,
		Values: map[string]string{"mechanism": "a FUSE layer below the loop device", "held up": strconv.FormatUint(after.delayed, 10)},
	}, err
}

// Revert makes the disk as fast as it is.
func (b *diskSlow) Revert(ctx context.Context) error {
	_, err := b.node.Disk(ctx, "slow", "0", "0")
	return err
}

// VerifyReverted writes and sees that nothing is held up.
func (b *diskSlow) VerifyReverted(ctx context.Context) (Evidence, error) {
	before, err := diskCount(ctx, b.node)
	if err != nil {
		return Evidence{}, err
	}
	effect, err := accepts(ctx, b.node)
	if err != nil {
		return Evidence{}, err
	}
	after, err := diskCount(ctx, b.node)
	if err == nil && after.delayed != before.delayed {
		err = fmt.Errorf("the disk of %s still holds requests up", b.node)
	}
	return Evidence{Effect: effect + ", nothing is held up"}, err
}

// diskCounters are what the layer of a disk has counted since it was made.
type diskCounters struct{ refused, delayed uint64 }

func diskCount(ctx context.Context, node *cluster.Node) (counted diskCounters, err error) {
	text, err := node.Disk(ctx, "count")
	if err == nil {
		_, err = fmt.Sscan(strings.TrimSpace(text), &counted.refused, &counted.delayed)
	}
	return counted, err
}

// layeredDisks says why disks cannot be slow or broken.
func layeredDisks(ctx context.Context, c *cluster.Cluster) error {
	if err := ownDisks(c); err != nil {
		return err
	}
	for _, node := range c.Nodes() {
		if _, err := diskCount(ctx, node); err != nil {
			return unsupported("%v", err)
		}
	}
	return nil
}

// diskUndo is a disk command as an action.
func diskUndo(node *cluster.Node, command ...string) []intent.Action {
	argv := append([]string{"/agent", "disk"}, command...)
	return []intent.Action{{Kind: intent.Exec, Node: node.Name(), Container: node.DiskHolder(), User: "0", Argv: argv}}
}
