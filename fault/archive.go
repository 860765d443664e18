package fault

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// ArchiveFault has a primary's archive_command fail, or hang. Make one with ArchiveFails or ArchiveHangs.
//
// It imitates an archive that is full, not mounted or not reachable: WAL piles up in pg_wal, and whoever needs the archive (a restore, a
// standby or a rewind that wants old WAL) does not find the newest part of it. A hanging archive also holds up a fast shutdown, and
// with it a switchover, as it does in the real world.
//
// Mechanism: ALTER SYSTEM and a reload, then a switch of the WAL file so that there is something to archive. The command is one that fails,
// or that waits for a file to go away and fails then, so nothing is ever taken for archived that is not. It needs archive_mode. It
// does not touch what was archived before, nor writes, nor streaming.
//
// It heals by Revert, which puts back what the setting was; what has piled up is archived then. After the tester's death `make heal`
// does that.
type ArchiveFault struct {
	Target Target
	Hang   bool
}

// ArchiveFails has archive_command fail.
func ArchiveFails(t Target) ArchiveFault { return ArchiveFault{Target: t} }

// ArchiveHangs has archive_command hang.
func ArchiveHangs(t Target) ArchiveFault { return ArchiveFault{Target: t, Hang: true} }

// String is "archive-fails(primary)" or "archive-hangs(primary)".
func (f ArchiveFault) String() string { return f.name() + "(" + f.Target.String() + ")" }

func (f ArchiveFault) name() string {
	if f.Hang {
		return "archive-hangs"
	}
	return "archive-fails"
}

// Supported says no where nothing is archived.
func (f ArchiveFault) Supported(ctx context.Context, c *cluster.Cluster) error {
	if c.Topology().NoArchive {
		return unsupported("the topology has no archive")
	}
	return nil
}

// Footprint of an archive that is stuck: it has the archive and the archiver for itself, and the links, over which each switch sends a
// whole WAL file.
func (f ArchiveFault) Footprint() Footprint {
	return Footprint{
		Needs: []string{f.Target.String()}, Holds: append(bothLinks(), "archive of "+f.Target.String(), "processes of "+f.Target.String()),
	}
}

// Bind finds the primary; a standby archives nothing.
func (f ArchiveFault) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, f.name(), f.Target, cluster.Primary)
	if err != nil {
		return nil, err
	}
	mode, err := asked[string](ctx, on.node, `select current_setting('archive_mode')`)
	if err != nil {
		return nil, err
	}
	if mode == "off" {
		return nil, unsupported("archive_mode of %s is off", on.node)
	}
	b := &stuckArchive{onNode: on, command: newStuckCommand(on.node, "archive_command", f.Hang), archived: -1}
	b.setting, err = readSetting(ctx, on.node, "archive_command", b.command.text())
	return b, err
}

type stuckArchive struct {
	onNode
	command  stuckCommand
	setting  *setting
	archived int64 // how many files had been archived when the fault was first seen; -1 before that
}

// Undo ends a command that hangs and puts the setting back.
func (b *stuckArchive) Undo() []intent.Action {
	return []intent.Action{b.setting.undo(""), b.command.undo()}
}

func (b *stuckArchive) Inject(ctx context.Context) (Active, error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	if err := b.command.arm(ctx); err != nil {
		return b, err
	}
	if err := b.setting.change(ctx); err != nil {
		return b, err
	}
	if err := b.attended(ctx); err != nil {
		return b, err
	}
	return b, b.provoke(ctx)
}

// attended waits for an archiver. PostgreSQL starts none within 10 s of the last, which a restart after a crash may meet, and then when its
// postmaster next has something to do: the connection that each look makes.
func (b *stuckArchive) attended(ctx context.Context) error {
	return await(ctx, "an archiver on "+b.node.Name(), func(ctx context.Context) (string, error) {
		archivers, err := b.node.PIDs(ctx, cluster.Archiver)
		if err != nil || len(archivers) > 0 {
			return "", err
		}
		conn, err := b.node.Connect(ctx, cluster.Admin)
		if err != nil {
			return "", err
		}
		return "there is none", conn.Close(ctx)
	})
}

// provoke gives the archiver something to do, and wakes it if it waits after failures.
func (b *stuckArchive) provoke(ctx context.Context) error {
	if _, err := b.cluster.Mark(ctx, b.node); err != nil { // an empty file is not switched
		return err
	}
	return b.node.SQL(ctx, `select pg_switch_wal()`)
}

// Verify sees that the command is run (and, if it hangs, that it is being run), that files wait, and that the archiver has counted none as
// archived since. Control: commits return.
func (b *stuckArchive) Verify(ctx context.Context) (Evidence, error) {
	if err := b.setting.bites(ctx); err != nil {
		return Evidence{}, err
	}
	turns, err := b.command.turning(ctx)
	if err != nil {
		return Evidence{}, err
	}
	archived, failed, err := b.counted(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if b.archived < 0 {
		b.archived = archived // from here on: what ran when the fault came may have ended well
	}
	if archived > b.archived {
		return Evidence{}, fmt.Errorf("%s has archived %d files since", b.node, archived-b.archived)
	}
	waiting, err := asked[int](ctx, b.node, `select count(*) from pg_ls_archive_statusdir() where name like '%.ready'`)
	if err == nil && waiting == 0 {
		err = fmt.Errorf("no file waits to be archived on %s", b.node)
	}
	if err != nil {
		return Evidence{}, err
	}
	control, err := b.commits(ctx)
	return Evidence{
		Effect: fmt.Sprintf("%d files wait on %s to be archived, and none was", waiting, b.node), Control: control,
		Values: map[string]string{
			"mechanism": "an archive_command that " + b.command.how(), "turns": strconv.Itoa(turns), "failed": strconv.FormatInt(failed, 10),
		},
	}, err
}

func (b *stuckArchive) counted(ctx context.Context) (archived, failed int64, err error) {
	err = b.node.Query(ctx, `select archived_count, failed_count from pg_stat_archiver`, nil, &archived, &failed)
	return archived, failed, err
}

// Revert puts the setting back and ends a command that hangs.
func (b *stuckArchive) Revert(ctx context.Context) error {
	if err := b.setting.restore(ctx); err != nil {
		return err
	}
	return b.command.release(ctx)
}

// VerifyReverted sees, on a primary, a file archived.
func (b *stuckArchive) VerifyReverted(ctx context.Context) (Evidence, error) {
	effect, err := b.setting.restored(ctx)
	if err != nil {
		return Evidence{}, err
	}
	primary, err := b.isPrimary(ctx)
	if err != nil || !primary || b.archived < 0 {
		return Evidence{Effect: effect}, err
	}
	if err := b.provoke(ctx); err != nil {
		return Evidence{}, err
	}
	err = await(ctx, "a file to be archived", func(ctx context.Context) (string, error) {
		archived, failed, err := b.counted(ctx)
		if err == nil && archived <= b.archived {
			return fmt.Sprintf("%d were before and since, %d attempts have failed", archived, failed), nil
		}
		return "", err
	})
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{Effect: effect + ", and files are archived again"}, b.command.release(ctx)
}
