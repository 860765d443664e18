package procedure

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// slotsOfPeers makes the physical slot of every peer on a primary and drops those that belong to nobody who follows it.
// The slots reserve WAL at once, so that what a peer needs is kept from now on.
func slotsOfPeers(ctx context.Context, c *cluster.Cluster, primary *cluster.Node) error {
	var wanted []string
	for _, peer := range c.Peers(primary) {
		wanted = append(wanted, peer.PeerSlot())
	}
	if err := dropOthers(ctx, primary, wanted); err != nil {
		return err
	}
	for _, slot := range wanted {
		err := primary.SQL(ctx, `select pg_create_physical_replication_slot($1, true)
			where not exists (select from pg_replication_slots where slot_name = $1)`, slot)
		if err != nil {
			return fmt.Errorf("make slot %s on %s: %w", slot, primary, err)
		}
	}
	return nil
}

// dropOthers drops inactive physical slots that are not wanted. A slot that was left on a demoted node pins WAL there
// without limit, while everything streams.
func dropOthers(ctx context.Context, n *cluster.Node, wanted []string) error {
	if wanted == nil {
		wanted = []string{} // NULL would match nothing
	}
	err := n.SQL(ctx, `select pg_drop_replication_slot(slot_name) from pg_replication_slots
		where slot_type = 'physical' and not active and not temporary and slot_name <> all($1)`, wanted)
	if err != nil {
		return fmt.Errorf("drop stale slots on %s: %w", n, err)
	}
	return nil
}
