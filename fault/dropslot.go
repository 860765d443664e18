package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// DropSlot drops the replication slot that the primary keeps for a standby.
//
// It imitates an operator who clears "unused" slots, and a failover after which the new primary has none: the standby is turned away each
// time it connects, and nothing keeps the WAL that it will need.
//
// Mechanism: the walsender is ended and the slot dropped before the standby is back. It does not remove WAL, nor does it keep a standby away
// that uses no slot.
//
// It heals by Revert, which makes a slot of the same name; if the primary has removed WAL meanwhile that the standby lacks, that is shipped
// from the primary's archive, and where it is not there either the error says that the standby needs a rebuild. After the tester's death
// `make heal` makes the slot.
type DropSlot struct{ Target Target }

// String is "drop-slot(standby)".
func (f DropSlot) String() string { return "drop-slot(" + f.Target.String() + ")" }

// Supported is always true.
func (f DropSlot) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a slot.
func (f DropSlot) Footprint() Footprint { return slotFootprint(f.Target) }

// slotFootprint has replication to the standby for itself, and the primary's archive, from which it may have to be mended.
func slotFootprint(t Target) Footprint {
	return Footprint{Needs: []string{t.String(), wordPrimary}, Holds: append(bothLinks(), "archive of "+wordPrimary)}
}

// Bind finds the standby and its slot.
func (f DropSlot) Bind(ctx context.Context, r *Runner) (Bound, error) {
	b, err := bindSlot(ctx, r, "drop-slot", f.Target)
	if err != nil {
		return nil, err
	}
	return &droppedSlot{b}, nil
}

type droppedSlot struct{ lostSlot }

// Inject ends whoever uses the slot, again and again, until it can be dropped.
func (b *droppedSlot) Inject(ctx context.Context) (Active, error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	return b, await(ctx, "slot "+b.slot+" to be dropped", func(ctx context.Context) (string, error) {
		used, err := b.release(ctx)
		if err != nil || used {
			return "it is in use", err
		}
		return "", b.node.SQL(ctx, `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1`, b.slot)
	})
}

// Verify sees no slot, and the standby turned away for want of it. Control: commits return.
func (b *droppedSlot) Verify(ctx context.Context) (Evidence, error) {
	slots, err := asked[int](ctx, b.node, `select count(*) from pg_replication_slots where slot_name = $1`, b.slot)
	if err == nil && slots > 0 {
		err = fmt.Errorf("slot %s is there on %s", b.slot, b.node)
	}
	if err == nil {
		err = b.turnedAway(ctx, fmt.Sprintf("replication slot %q does not exist", b.slot))
	}
	if err != nil {
		return Evidence{}, err
	}
	control, err := b.commits(ctx)
	return Evidence{
		Effect:  fmt.Sprintf("%s has no slot %s, and %s was turned away", b.node, b.slot, b.standby),
		Control: control, Values: map[string]string{"mechanism": "pg_drop_replication_slot"},
	}, err
}
