package fault

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// DiskError has reads and writes of chosen files of a node's data folder fail with an input/output error (EIO), below the file system.
//
// It imitates bad sectors, a path to a storage that is half gone. A WAL segment that cannot be synced makes PostgreSQL panic (a commit that
// waited for it is in doubt), and its crash recovery cannot read it either; a table's page that cannot be read is an error of that statement.
//
// Mechanism: a layer of ours between the loop device and its file refuses what lies where the files' bytes are on the disk; the kernel forgets what it has
// in memory of them. It needs a disk of the node's own (Topology.Disk) on an engine with FUSE. A file that is made later is not broken; nor is what
// PostgreSQL has in its own cache.
//
// It heals by Revert; a PostgreSQL that has ended meanwhile is started only with Restart.
type DiskError struct {
	Target  Target
	Path    string // a file or folder below PGDATA; empty: pg_wal
	Restart bool
}

// String is "disk-error(pg_wal of primary)".
func (f DiskError) String() string {
	return "disk-error(" + f.path() + " of " + f.Target.String() + ")"
}

func (f DiskError) path() string {
	if f.Path == "" {
		return "pg_wal"
	}
	return f.Path
}

// Supported asks whether the nodes have disks of their own with a layer.
func (f DiskError) Supported(ctx context.Context, c *cluster.Cluster) error {
	return layeredDisks(ctx, c)
}

// Footprint says that PostgreSQL may end.
func (f DiskError) Footprint() Footprint { return diskFootprint(f.Target) }

// Bind finds the node. A path that leads out of the data folder is refused.
func (f DiskError) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if !filepath.IsLocal(f.path()) {
		return nil, fmt.Errorf("%w: %q is not below the data folder", ErrNoTarget, f.path())
	}
	disk, err := bindDisk(ctx, r, "disk-error", f.Target, f.Restart)
	if err != nil {
		return nil, err
	}
	b := &diskError{boundDisk: disk, path: path.Join(path.Base(disk.node.DataDir()), f.path())}
	if _, err := disk.node.Shell(ctx, `[ -e "$PGDATA/$1" ]`, f.path()); err != nil {
		return nil, fmt.Errorf("%w: %s has no %s", ErrNoTarget, disk.node, f.path())
	}
	return b, nil
}

type diskError struct {
	boundDisk
	path   string // below the disk's root
	before diskCounters
	at     time.Time
}

func (b *diskError) String() string { return "disk-error(" + b.path + " of " + b.node.Name() + ")" }

// Undo mends the disk.
func (b *diskError) Undo() []intent.Action { return diskUndo(b.node, "mend") }

// Inject breaks what the files stand on.
func (b *diskError) Inject(ctx context.Context) (_ Active, err error) {
	if b.before, err = diskCount(ctx, b.node); err != nil {
		return nil, err
	}
	_, err = b.node.Disk(ctx, "break", b.path)
	b.at = time.Now()
	return b, err
}

// eio is what the system calls an input/output error.
const eio = "input/output error"

// Verify reads a block of the files from the disk, and one of a file that is not hit.
func (b *diskError) Verify(ctx context.Context) (Evidence, error) {
	switch _, err := b.node.Disk(ctx, "probe", b.path); {
	case err == nil:
		return Evidence{}, fmt.Errorf("%s of %s is read from the disk", b.path, b.node)
	case !strings.Contains(err.Error(), eio):
		return Evidence{}, err
	}
	if _, err := b.node.Disk(ctx, "probe", path.Base(b.node.DataDir())+"/PG_VERSION"); err != nil {
		return Evidence{}, fmt.Errorf("other files cannot be read either: %w", err)
	}
	now, err := diskCount(ctx, b.node)
	if err != nil {
		return Evidence{}, err
	}
	if now.refused == b.before.refused {
		return Evidence{}, errors.New("the disk has refused nothing")
	}
	others, err := othersAnswer(ctx, b.node, b.peers)
	return Evidence{
		At: b.at, Effect: "a read of " + b.path + " of " + b.node.Name() + " from the disk: " + eio, Control: "PG_VERSION is read from the disk, " + others,
		Values: map[string]string{"mechanism": "a FUSE layer below the loop device", "refused": strconv.FormatUint(now.refused-b.before.refused, 10)},
	}, err
}

// Revert mends the disk, and with Restart starts PostgreSQL if it has ended.
func (b *diskError) Revert(ctx context.Context) error {
	if _, err := b.node.Disk(ctx, "mend"); err != nil {
		return err
	}
	return startAgain(ctx, b.node, b.restart)
}

// VerifyReverted reads from the disk.
func (b *diskError) VerifyReverted(ctx context.Context) (Evidence, error) {
	_, err := b.node.Disk(ctx, "probe", b.path)
	if b.restart {
		_, asked := b.node.Role(ctx)
		err = errors.Join(err, asked)
	}
	return Evidence{Effect: b.path + " of " + b.node.Name() + " is read from the disk"}, err
}
