package fault

import (
	"context"
	"fmt"
	"strconv"
	"syscall"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// RestoreFault has a standby's restore_command fail, or hang. Make one with RestoreFails or RestoreHangs.
//
// It imitates an archive that the standby cannot reach, or whose mount hangs. A standby asks the archive whenever it has lost its primary,
// before it connects again. If the command fails, the standby goes on from its primary as long as that still has the WAL; if
// it hangs, the standby does nothing else: it does not connect, it replays nothing, and it cannot be promoted.
//
// Mechanism: ALTER SYSTEM and a reload, then SIGTERM to the walreceiver, so that the command is called. The command is one that fails, or that
// waits for a file to go away and fails then. It does not break what the archive holds.
//
// It heals by Revert, which puts back what the setting was; the standby then connects by itself. After the tester's death `make heal` does
// that.
type RestoreFault struct {
	Target Target
	Hang   bool
}

// RestoreFails has restore_command fail.
func RestoreFails(t Target) RestoreFault { return RestoreFault{Target: t} }

// RestoreHangs has restore_command hang.
func RestoreHangs(t Target) RestoreFault { return RestoreFault{Target: t, Hang: true} }

// String is "restore-fails(standby)" or "restore-hangs(standby)".
func (f RestoreFault) String() string { return f.name() + "(" + f.Target.String() + ")" }

func (f RestoreFault) name() string {
	if f.Hang {
		return "restore-hangs"
	}
	return "restore-fails"
}

// Supported is always true: a standby without a restore_command is given one.
func (f RestoreFault) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a standby whose archive is stuck: its connection is broken off.
func (f RestoreFault) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String(), wordPrimary}, Holds: bothLinks()}
}

// Bind finds the standby.
func (f RestoreFault) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, f.name(), f.Target, cluster.Standby)
	if err != nil {
		return nil, err
	}
	b := &stuckRestore{onNode: on, command: newStuckCommand(on.node, "restore_command", f.Hang)}
	b.setting, err = readSetting(ctx, on.node, "restore_command", b.command.text())
	return b, err
}

type stuckRestore struct {
	onNode
	command  stuckCommand
	setting  *setting
	replayed string // where replay stands under a command that hangs; empty until it was seen to
}

// Undo puts the setting back and ends a command that hangs.
func (b *stuckRestore) Undo() []intent.Action {
	return []intent.Action{b.setting.undo(""), b.command.undo()}
}

func (b *stuckRestore) Inject(ctx context.Context) (Active, error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	if err := b.command.arm(ctx); err != nil {
		return b, err
	}
	if err := b.setting.change(ctx); err != nil {
		return b, err
	}
	receivers, err := b.node.PIDs(ctx, cluster.WALReceiver)
	if err != nil || len(receivers) == 0 { // it has lost its primary already and asks the archive
		return b, err
	}
	_, err = b.node.SignalPIDs(ctx, syscall.SIGTERM, receivers...)
	return b, err
}

// Verify sees that the command was called and, if it hangs, that it goes round, that nobody receives and that replay stands still.
// Control: the standby answers.
func (b *stuckRestore) Verify(ctx context.Context) (Evidence, error) {
	if err := b.setting.bites(ctx); err != nil {
		return Evidence{}, err
	}
	turns, err := b.command.turning(ctx)
	if err != nil {
		return Evidence{}, err
	}
	effect := "the standby has asked the archive of " + b.node.Name() + " and got nothing"
	if b.command.hang {
		if effect, err = b.standsStill(ctx); err != nil {
			return Evidence{}, err
		}
	}
	return Evidence{
		Effect: effect, Control: b.node.Name() + " answers",
		Values: map[string]string{"mechanism": "a restore_command that " + b.command.how(), "turns": strconv.Itoa(turns)},
	}, nil
}

func (b *stuckRestore) standsStill(ctx context.Context) (string, error) {
	var receivers int
	var replayed string
	err := b.node.Query(ctx, `select (select count(*) from pg_stat_wal_receiver), coalesce(pg_last_wal_replay_lsn(), '0/0')::text`, nil, &receivers, &replayed)
	if err != nil {
		return "", err
	}
	if b.replayed == "" {
		b.replayed = replayed
	}
	if receivers > 0 || replayed != b.replayed {
		return "", fmt.Errorf("%s does not stand still under its archive: %d walreceivers, replay went from %s to %s", b.node, receivers, b.replayed, replayed)
	}
	return b.node.Name() + " waits for its archive: it receives nothing and replay stands at " + replayed, nil
}

// Revert puts the setting back and ends a command that hangs.
func (b *stuckRestore) Revert(ctx context.Context) error {
	if err := b.setting.restore(ctx); err != nil {
		return err
	}
	return b.command.release(ctx)
}

// VerifyReverted sees that the setting is what it was and that the command does not go round any more.
func (b *stuckRestore) VerifyReverted(ctx context.Context) (Evidence, error) {
	effect, err := b.setting.restored(ctx)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{Effect: effect}, await(ctx, "the command to end", func(ctx context.Context) (string, error) {
		turns, err := b.command.turns(ctx)
		if err == nil && turns > 0 { // it has been round once more since its file was taken away
			return "it has just been round", b.command.release(ctx)
		}
		return "", err
	})
}
