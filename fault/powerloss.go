package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// PowerLoss takes the power from a node: what was not synced to its disk is gone, and nothing runs any more.
//
// It imitates a pulled plug, a crashed kernel, a hypervisor that resets the machine. Unlike a kill, after which the page cache
// survives, it tells a server that syncs what it acknowledges (fsync=on) from one that does not.
//
// Mechanism: the node's file system is shut down (EXT4_IOC_SHUTDOWN, without its journal being flushed), then the container is killed. Where
// it is mounted next, the journal is replayed as after a boot. It needs a disk of the node's own (Topology.Disk). The disk itself keeps
// what it called synced: for one that lies, see TornWAL. The archive, on a volume of its own, keeps what the archiver wrote; so do the address and the network
// faults, which are the sandbox's.
//
// Two files prove it, written just before: the one that was synced is there afterwards, the other's content is not.
//
// It is momentary. Revert starts the container, which mounts the disk, and with Restart PostgreSQL in it.
type PowerLoss struct {
	Target  Target
	Restart bool
}

// String is "power-loss(primary)".
func (f PowerLoss) String() string { return "power-loss(" + f.Target.String() + ")" }

// Supported asks whether the nodes have disks of their own.
func (f PowerLoss) Supported(_ context.Context, c *cluster.Cluster) error { return ownDisks(c) }

// Footprint is that of a kill.
func (f PowerLoss) Footprint() Footprint { return diskFootprint(f.Target) }

// Bind finds the node.
func (f PowerLoss) Bind(ctx context.Context, r *Runner) (Bound, error) {
	disk, err := bindDisk(ctx, r, "power-loss", f.Target, f.Restart)
	return &powerLoss{boundDisk: disk, token: rand.Text()}, err
}

type powerLoss struct {
	boundDisk
	token string // what both files hold
	at    time.Time
}

// The two files, on the disk beside the data folder.
const (
	syncedFile   = "power-synced"
	unsyncedFile = "power-unsynced"
)

func (b *powerLoss) Momentary() {}

// Undo starts the container, and stops it before that, should the tester have died before it did.
func (b *powerLoss) Undo() []intent.Action {
	return []intent.Action{{Kind: intent.Restart, Node: b.node.Name(), Container: b.node.Container()}}
}

// writeBoth writes the files $2 (synced) and $3 (not) in the folder $1.
const writeBoth = `set -e
cd "$1"
rm -f "$2" "$3"
printf %s "$4" | dd of="$2" conv=fsync 2>/dev/null
printf %s "$4" >"$3"`

// Inject writes the two files, shuts the file system down and kills the container.
func (b *powerLoss) Inject(ctx context.Context) (Active, error) {
	if _, err := b.node.Shell(ctx, writeBoth, diskFolder(b.node), syncedFile, unsyncedFile, b.token); err != nil {
		return nil, err
	}
	asked := time.Now()
	if _, err := b.node.Disk(ctx, "lose"); err != nil {
		return b, err
	}
	b.at = asked.Add(time.Since(asked) / 2)
	_, err := b.node.KillContainer(ctx)
	return b, err
}

// Verify looks at the disk as the next boot will find it, and at PostgreSQL's port.
func (b *powerLoss) Verify(ctx context.Context) (Evidence, error) {
	if err := refused(ctx, b.node); err != nil {
		return Evidence{}, err
	}
	synced, err := b.read(ctx, syncedFile)
	if err != nil {
		return Evidence{}, err
	}
	unsynced, err := b.read(ctx, unsyncedFile)
	if err != nil {
		return Evidence{}, err
	}
	if synced != b.token {
		return Evidence{}, fmt.Errorf("what was synced to the disk of %s is gone", b.node)
	}
	if unsynced == b.token {
		return Evidence{}, fmt.Errorf("what was not synced to the disk of %s has survived", b.node)
	}
	others, err := othersAnswer(ctx, b.node, b.peers)
	return Evidence{
		At:      b.at,
		Effect:  "what was not synced to the disk of " + b.node.Name() + " is gone, connections to it are refused",
		Control: "what was synced is there, " + others,
		Values:  map[string]string{"mechanism": "EXT4_IOC_SHUTDOWN without a flush, then SIGKILL of the container"},
	}, err
}

// read reads a file of the disk from below. While the engine still has it mounted, shut down, that is an error.
func (b *powerLoss) read(ctx context.Context, name string) (string, error) {
	for {
		text, err := b.node.Disk(ctx, "read", name)
		if err == nil {
			return strings.TrimSpace(text), nil
		}
		if pause(ctx, probeAsk) != nil {
			return "", err
		}
	}
}

// Revert starts the container, and with Restart PostgreSQL.
func (b *powerLoss) Revert(ctx context.Context) error {
	if err := mountAnew(ctx, b.node); err != nil {
		return err
	}
	if _, err := b.node.Shell(ctx, `cd "$1" && rm -f "$2" "$3"`, diskFolder(b.node), syncedFile, unsyncedFile); err != nil {
		return err
	}
	return startAgain(ctx, b.node, b.restart)
}

// VerifyReverted writes to the disk, and with Restart asks PostgreSQL.
func (b *powerLoss) VerifyReverted(ctx context.Context) (Evidence, error) {
	effect, err := accepts(ctx, b.node)
	if b.restart {
		_, asked := b.node.Role(ctx)
		err = errors.Join(err, asked)
	}
	return Evidence{Effect: effect}, err
}
