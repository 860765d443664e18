package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// lostSlot is a standby's replication slot that a fault takes away, and how it comes back: a new slot of the same name, and what the
// standby lacks out of the archive.
type lostSlot struct {
	onNode  // the primary
	standby *cluster.Node
	slot    string
	since   int64 // in the standby's log, before the fault
	from    int64 // in the standby's log, since the revert
}

// bindSlot finds the standby, its primary and the slot.
func bindSlot(ctx context.Context, r *Runner, name string, t Target) (lostSlot, error) {
	on, err := bindNode(ctx, r, name, t, cluster.Standby)
	if err != nil {
		return lostSlot{}, err
	}
	primary, err := r.Cluster.Primary(ctx)
	if err != nil {
		return lostSlot{}, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	b := lostSlot{onNode: onNode{name, primary, r.Cluster}, standby: on.node, slot: on.node.PeerSlot()}
	there, err := asked[bool](ctx, primary, `select exists (select from pg_replication_slots where slot_name = $1 and slot_type = 'physical')`, b.slot)
	if err == nil && !there {
		err = fmt.Errorf("%w: %s has no slot for %s", ErrNoTarget, primary, b.standby)
	}
	if err == nil {
		b.since, err = b.standby.LogSize(ctx)
	}
	return b, err
}

func (b *lostSlot) String() string {
	return b.name + "(" + b.standby.Name() + "'s on " + b.node.Name() + ")"
}

// Targets are the primary, which had the slot, and the standby.
func (b *lostSlot) Targets() []string { return []string{b.node.Name(), b.standby.Name()} }

const recreateScript = `printf '%s\n' "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = :'slot' AND wal_status = 'lost';
	SELECT pg_create_physical_replication_slot(:'slot', true)
	WHERE NOT pg_is_in_recovery() AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = :'slot');" |
	psql -qAtX -v ON_ERROR_STOP=1 -v slot="$1" >/dev/null`

// Undo makes the slot again. A standby that lacks WAL by then has to be rebuilt.
func (b *lostSlot) Undo() []intent.Action {
	return []intent.Action{runScript(b.node, recreateScript, b.slot)}
}

// release ends the walsender that uses the slot, and says whether there was one.
func (b *lostSlot) release(ctx context.Context) (used bool, err error) {
	ended, err := asked[int](ctx, b.node, `select count(pg_terminate_backend(active_pid)) from pg_replication_slots where slot_name = $1 and active_pid is not null`, b.slot)
	return ended > 0, err
}

// turnedAway waits until the standby has asked and, as its own log says in one of these words, got nothing, and does not stream. That it
// does not stream is not enough: it is so for a moment, too, before it is back.
func (b *lostSlot) turnedAway(ctx context.Context, words ...string) error {
	return await(ctx, b.standby.Name()+" to be turned away", func(ctx context.Context) (string, error) {
		streaming, err := asked[int](ctx, b.node, `select count(*) from pg_stat_replication where application_name = $1 and state = 'streaming'`, b.standby.Name())
		if err != nil || streaming > 0 {
			return "it streams", err
		}
		log, err := b.standby.Log(ctx, b.since)
		if err == nil && !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(log, word) }) {
			return "its log says nothing of " + strings.Join(words, " or "), nil
		}
		return "", err
	})
}

// Revert makes the slot again, if its server is still a primary, and ships the standby what WAL only the archive has.
func (b *lostSlot) Revert(ctx context.Context) (err error) {
	primary, err := b.isPrimary(ctx)
	if err != nil || !primary {
		return err
	}
	if b.from, err = b.standby.LogSize(ctx); err != nil {
		return err
	}
	if _, err := b.node.Shell(ctx, recreateScript, b.slot); err != nil {
		return fmt.Errorf("make slot %s on %s: %w", b.slot, b.node, err)
	}
	follows, err := hasRole(ctx, b.standby, cluster.Standby)
	if err != nil || !follows {
		return err
	}
	return shipWAL(ctx, b.node, b.standby)
}

// slotStatus says how much WAL the slot keeps, and whether somebody streams through it. That it is in use is not enough: it is so for a
// moment, too, when a standby asks for WAL that is gone.
const slotStatus = `select coalesce((select wal_status || case when state = 'streaming' then ' and streaming' else '' end
	from pg_replication_slots left join pg_stat_replication on pid = active_pid where slot_name = $1), 'missing')`

// removed is how a primary answers who asks for WAL that it does not have any more.
const removed = "has already been removed"

// VerifyReverted sees that the slot is there and that the standby streams through it. If the standby asks for WAL that is gone, the
// error says that it has to be rebuilt.
func (b *lostSlot) VerifyReverted(ctx context.Context) (Evidence, error) {
	primary, err := b.isPrimary(ctx)
	if err != nil || !primary {
		return Evidence{Effect: b.node.Name() + " is no primary any more: the slot is of no use"}, err
	}
	follows, err := hasRole(ctx, b.standby, cluster.Standby)
	if err != nil {
		return Evidence{}, err
	}
	err = await(ctx, b.standby.Name()+" to stream through slot "+b.slot, func(ctx context.Context) (string, error) {
		status, err := asked[string](ctx, b.node, slotStatus, b.slot)
		if err != nil || strings.HasSuffix(status, "streaming") || (!follows && status != "missing" && status != "lost") {
			return "", err
		}
		return "it is " + status, nil
	})
	if err == nil && !follows {
		return Evidence{Effect: fmt.Sprintf("slot %s is there; %s does not run as a standby", b.slot, b.standby)}, nil
	}
	if err != nil {
		if log, again := b.standby.Log(context.WithoutCancel(ctx), b.from); again == nil && strings.Contains(log, removed) {
			err = fmt.Errorf("%s needs a rebuild, WAL that it lacks %s on %s: %w", b.standby, removed, b.node, err)
		}
		return Evidence{}, err
	}
	return Evidence{Effect: fmt.Sprintf("%s streams from %s through slot %s", b.standby, b.node, b.slot)}, nil
}
