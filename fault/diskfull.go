package fault

import (
	"context"
	"errors"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// DiskFull leaves no free byte on a node's disk.
//
// It imitates WAL that piles up behind a dead slot, a log that nobody rotates, a neighbour's core dump. PostgreSQL answers a statement that
// extends a table with an error (53100), and ends when it cannot make a WAL segment.
//
// Mechanism: a file takes all the space, without its blocks being written. It needs a disk of the node's own (Topology.Disk). The archive, on a
// volume of its own, is not full. What PostgreSQL itself frees while the fault is in effect (old WAL, temporary files) is free, and Verify then says so.
//
// It heals by Revert, which removes the file; a PostgreSQL that has ended meanwhile is started only with Restart.
type DiskFull struct {
	Target  Target
	Restart bool
}

// String is "disk-full(primary)".
func (f DiskFull) String() string { return "disk-full(" + f.Target.String() + ")" }

// Supported asks whether the nodes have disks of their own.
func (f DiskFull) Supported(_ context.Context, c *cluster.Cluster) error { return ownDisks(c) }

// Footprint says that PostgreSQL may end.
func (f DiskFull) Footprint() Footprint { return diskFootprint(f.Target) }

// Bind finds the node.
func (f DiskFull) Bind(ctx context.Context, r *Runner) (Bound, error) {
	disk, err := bindDisk(ctx, r, "disk-full", f.Target, f.Restart)
	return &diskFull{boundDisk: disk}, err
}

type diskFull struct {
	boundDisk
	at time.Time
}

// Undo removes the file.
func (b *diskFull) Undo() []intent.Action { return diskUndo(b.node, "drain") }

// Inject fills the disk.
func (b *diskFull) Inject(ctx context.Context) (Active, error) {
	_, err := b.node.Disk(ctx, "fill")
	b.at = time.Now()
	return b, err
}

// Verify tries to write, and reads.
func (b *diskFull) Verify(ctx context.Context) (Evidence, error) {
	effect, err := refuses(ctx, b.node, "No space left on device")
	if err != nil {
		return Evidence{}, err
	}
	control, err := readsOn(ctx, b.node, b.peers)
	if err != nil {
		return Evidence{}, err
	}
	state, err := b.node.Disk(ctx, "state")
	return Evidence{At: b.at, Effect: effect, Control: control, Values: map[string]string{"mechanism": "a file of the free space's size", "disk": state}}, err
}

// Revert removes the file, and with Restart starts PostgreSQL if it has ended.
func (b *diskFull) Revert(ctx context.Context) error {
	if _, err := b.node.Disk(ctx, "drain"); err != nil {
		return err
	}
	return startAgain(ctx, b.node, b.restart)
}

// VerifyReverted writes to the disk.
func (b *diskFull) VerifyReverted(ctx context.Context) (Evidence, error) {
	effect, err := accepts(ctx, b.node)
	if b.restart {
		_, asked := b.node.Role(ctx)
		err = errors.Join(err, asked)
	}
	return Evidence{Effect: effect}, err
}
