package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// EmptyConninfo takes a running standby's primary_conninfo away: it stops receiving and does not try again.
//
// It imitates a slip in configuration management, a rejoin that forgot the setting, a restored backup: the standby answers readers as if
// nothing were wrong and falls behind for good.
//
// Mechanism: ALTER SYSTEM and a reload. It does not stop the standby from replaying what it has, nor from taking WAL from its own
// restore_command.
//
// It heals by Revert, which puts back the very value, unless somebody else has given another one meanwhile or the node is no
// standby any more; after the tester's death by `make heal`.
type EmptyConninfo struct{ Target Target }

// String is "empty-conninfo(standby)".
func (f EmptyConninfo) String() string { return "empty-conninfo(" + f.Target.String() + ")" }

// Supported is always true.
func (f EmptyConninfo) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a standby that does not connect.
func (f EmptyConninfo) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String(), wordPrimary}, Holds: bothLinks()}
}

// Bind finds the standby and what its setting is.
func (f EmptyConninfo) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, "empty-conninfo", f.Target, cluster.Standby)
	if err != nil {
		return nil, err
	}
	conninfo, err := readSetting(ctx, on.node, "primary_conninfo", "")
	if err != nil {
		return nil, err
	}
	if conninfo.before == "" {
		return nil, fmt.Errorf("%w: primary_conninfo of %s is empty already", ErrNoTarget, on.node)
	}
	return &emptiedConninfo{onNode: on, conninfo: conninfo}, nil
}

type emptiedConninfo struct {
	onNode
	conninfo *setting
	stands   string // where receiving stands; empty until it was seen to
}

// Undo puts the setting back on what is still a standby.
func (b *emptiedConninfo) Undo() []intent.Action {
	return []intent.Action{b.conninfo.undo("standby.signal")}
}

func (b *emptiedConninfo) Inject(ctx context.Context) (Active, error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	return b, b.conninfo.change(ctx)
}

// Verify sees no walreceiver on the standby, and that what it has received is no more than when that was seen first. Control: it
// answers.
func (b *emptiedConninfo) Verify(ctx context.Context) (Evidence, error) {
	if err := b.conninfo.bites(ctx); err != nil {
		return Evidence{}, err
	}
	err := await(ctx, "the end of the walreceiver", func(ctx context.Context) (string, error) {
		receivers, err := asked[int](ctx, b.node, `select count(*) from pg_stat_wal_receiver`)
		if err == nil && receivers > 0 {
			return "it is still there", nil
		}
		return "", err
	})
	if err != nil {
		return Evidence{}, err
	}
	received, err := asked[string](ctx, b.node, `select coalesce(pg_last_wal_receive_lsn(), '0/0')::text`)
	if err != nil {
		return Evidence{}, err
	}
	if b.stands == "" {
		b.stands = received
	}
	if received != b.stands {
		return Evidence{}, fmt.Errorf("%s has received WAL from %s to %s", b.node, b.stands, received)
	}
	return Evidence{
		Effect:  b.node.Name() + " has no walreceiver and has received nothing beyond " + b.stands,
		Control: b.node.Name() + " answers",
		Values:  map[string]string{"mechanism": "alter system", "received": received},
	}, nil
}

// Revert puts the setting back if it is still the fault's. A node that is no standby any more connects to nobody.
func (b *emptiedConninfo) Revert(ctx context.Context) error {
	running, err := b.node.Running(ctx)
	if err != nil {
		return err
	}
	if !running {
		_, err := b.node.Shell(ctx, settingScript, b.conninfo.arguments(b.conninfo.stood, b.conninfo.value, "standby.signal")...)
		return err
	}
	ours, err := b.ours(ctx)
	if err != nil || !ours {
		return err
	}
	return b.conninfo.restore(ctx)
}

// ours says whether the node is still a standby without a primary_conninfo.
func (b *emptiedConninfo) ours(ctx context.Context) (ours bool, err error) {
	err = await(ctx, b.node.Name()+" to answer", func(ctx context.Context) (string, error) {
		ours, err = asked[bool](ctx, b.node, `select pg_is_in_recovery() and current_setting('primary_conninfo') = ''`)
		return "", err
	})
	return ours, err
}

// VerifyReverted sees that a standby has a primary_conninfo again.
func (b *emptiedConninfo) VerifyReverted(ctx context.Context) (Evidence, error) {
	standby, err := hasRole(ctx, b.node, cluster.Standby)
	if err != nil || !standby {
		return Evidence{Effect: b.node.Name() + " is no running standby: there is nothing to connect"}, err
	}
	return Evidence{Effect: b.node.Name() + " connects to a primary again"},
		await(ctx, "primary_conninfo of "+b.node.Name(), func(ctx context.Context) (string, error) {
			ours, err := b.ours(ctx)
			if err == nil && ours {
				return "it is still empty", nil
			}
			return "", err
		})
}
