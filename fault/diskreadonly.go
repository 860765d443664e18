package fault

import (
	"context"
	"errors"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// DiskReadOnly makes a node's disk read-only under a running PostgreSQL.
//
// It imitates what a kernel does after an error of the file system (errors=remount-ro): files stay open, each write to them fails. PostgreSQL
// goes on answering reads until it must write WAL, and then ends.
//
// Mechanism: ext4 is told to abort (mount option abort), as after an error of its own: an ordinary remount is refused while files are open for
// writing. It needs a disk of the node's own (Topology.Disk). What was not synced before it is lost, as with any aborted file system.
//
// It heals by Revert, which starts the container again, for the disk must be mounted anew: PostgreSQL is then down, and started only with Restart.
type DiskReadOnly struct {
	Target  Target
	Restart bool
}

// String is "disk-read-only(primary)".
func (f DiskReadOnly) String() string { return "disk-read-only(" + f.Target.String() + ")" }

// Supported asks whether the nodes have disks of their own.
func (f DiskReadOnly) Supported(_ context.Context, c *cluster.Cluster) error { return ownDisks(c) }

// Footprint says that PostgreSQL may end.
func (f DiskReadOnly) Footprint() Footprint { return diskFootprint(f.Target) }

// Bind finds the node.
func (f DiskReadOnly) Bind(ctx context.Context, r *Runner) (Bound, error) {
	disk, err := bindDisk(ctx, r, "disk-read-only", f.Target, f.Restart)
	return &diskReadOnly{boundDisk: disk}, err
}

type diskReadOnly struct {
	boundDisk
	at time.Time
}

// Undo mounts the disk anew, with the container.
func (b *diskReadOnly) Undo() []intent.Action {
	return []intent.Action{{Kind: intent.Restart, Node: b.node.Name(), Container: b.node.Container()}}
}

// Inject aborts the file system.
func (b *diskReadOnly) Inject(ctx context.Context) (Active, error) {
	_, err := b.node.Disk(ctx, "abort")
	b.at = time.Now()
	return b, err
}

// Verify tries to write, and reads.
func (b *diskReadOnly) Verify(ctx context.Context) (Evidence, error) {
	effect, err := refuses(ctx, b.node, "Read-only file system")
	if err != nil {
		return Evidence{}, err
	}
	control, err := readsOn(ctx, b.node, b.peers)
	if err != nil {
		return Evidence{}, err
	}
	state, err := b.node.Disk(ctx, "state")
	return Evidence{At: b.at, Effect: effect, Control: control, Values: map[string]string{"mechanism": "ext4's mount option abort", "disk": state}}, err
}

// Revert starts the container again, and with Restart PostgreSQL.
func (b *diskReadOnly) Revert(ctx context.Context) error {
	if err := b.node.StopContainer(ctx, 0); err != nil {
		return err
	}
	if err := mountAnew(ctx, b.node); err != nil {
		return err
	}
	return startAgain(ctx, b.node, b.restart)
}

// VerifyReverted writes to the disk.
func (b *diskReadOnly) VerifyReverted(ctx context.Context) (Evidence, error) {
	effect, err := accepts(ctx, b.node)
	if b.restart {
		_, asked := b.node.Role(ctx)
		err = errors.Join(err, asked)
	}
	return Evidence{Effect: effect}, err
}
