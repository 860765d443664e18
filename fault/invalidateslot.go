package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// InvalidateSlot has the primary give up a standby's replication slot, because the standby lags by more than max_slot_wal_keep_size.
//
// It imitates a standby that was slow or away for longer than the disk of the primary allows: wal_status is "lost", the WAL that the standby
// goes on from is removed, and it is turned away each time it connects.
//
// Mechanism: the standby's walreceiver is stopped (SIGSTOP) for a moment and its walsender ended; meanwhile max_slot_wal_keep_size and wal_keep_size are lowered
// by ALTER SYSTEM, the WAL file is switched and a checkpoint taken, until the slot is lost and the WAL removed; then the settings are put
// back at once and the walreceiver goes on. It does not touch the standby's data.
//
// It heals by Revert, which makes a new slot and ships what WAL the standby lacks from the primary's archive. Without an archive the error
// says that the standby needs a rebuild. After the tester's death `make heal` puts the settings back and makes the slot; the
// standby may need a rebuild then.
type InvalidateSlot struct{ Target Target }

// String is "invalidate-slot(standby)".
func (f InvalidateSlot) String() string { return "invalidate-slot(" + f.Target.String() + ")" }

// Supported is always true.
func (f InvalidateSlot) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a slot; the walreceiver is stopped on the way, and the checkpointer and the archiver have to work.
func (f InvalidateSlot) Footprint() Footprint {
	print := slotFootprint(f.Target)
	print.Holds = append(print.Holds, "processes of "+f.Target.String(), "processes of "+wordPrimary)
	return print
}

// Bind finds the standby, its walreceiver and its slot, and how the settings stand.
func (f InvalidateSlot) Bind(ctx context.Context, r *Runner) (Bound, error) {
	slot, err := bindSlot(ctx, r, "invalidate-slot", f.Target)
	if err != nil {
		return nil, err
	}
	b := &invalidSlot{lostSlot: slot}
	if b.receivers, err = b.standby.PIDs(ctx, cluster.WALReceiver); err != nil {
		return nil, err
	}
	for _, want := range [][2]string{{"max_slot_wal_keep_size", "1MB"}, {"wal_keep_size", "0"}} {
		s, err := readSetting(ctx, b.node, want[0], want[1])
		if err != nil {
			return nil, err
		}
		b.settings = append(b.settings, s)
	}
	return b, nil
}

type invalidSlot struct {
	lostSlot
	settings  []*setting
	receivers []int // stopped while the slot is left behind; none: nobody uses it anyway
}

// Undo puts the settings back, has the walreceiver go on and makes the slot.
func (b *invalidSlot) Undo() []intent.Action {
	var undo []intent.Action
	for _, s := range b.settings {
		undo = append(undo, s.undo(""))
	}
	undo = append(undo, thaw(b.standby, b.receivers))
	return append(undo, b.lostSlot.Undo()...)
}

func (b *invalidSlot) Inject(ctx context.Context) (_ Active, err error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	if len(b.receivers) > 0 {
		if _, err := b.standby.SignalPIDs(ctx, syscall.SIGSTOP, b.receivers...); err != nil {
			return b, err
		}
	}
	if err := b.desert(ctx); err != nil {
		return b, err
	}
	for _, s := range b.settings {
		err = errors.Join(err, s.change(ctx))
	}
	if err != nil {
		return b, err
	}
	if err := b.lose(ctx); err != nil {
		return b, err
	}
	return b, b.putBack(ctx)
}

// desert ends the walsender. It must not be left to the checkpoint: a walsender whose receiver is stopped may hang in its last word, and the
// checkpoint that invalidates the slot would wait for it. The standby does not come back while its walreceiver is stopped.
func (b *invalidSlot) desert(ctx context.Context) error {
	return await(ctx, "slot "+b.slot+" to be used by nobody", func(ctx context.Context) (string, error) {
		used, err := b.release(ctx)
		if err == nil && used {
			return "its walsender is there", nil
		}
		return "", err
	})
}

// lose has the slot lost, and then the WAL removed that the standby goes on from, which PostgreSQL does once it is archived: up to
// version 17 a lost slot alone turns no standby away.
func (b *invalidSlot) lose(ctx context.Context) error {
	err := await(ctx, "slot "+b.slot+" to be lost", func(ctx context.Context) (string, error) {
		if err := b.goOn(ctx); err != nil {
			return "", err
		}
		status, err := b.status(ctx)
		if err == nil && status != "lost" {
			return "it is " + status, nil
		}
		return "", err
	})
	if err != nil {
		return err
	}
	// Nobody sends, so the standby has nothing that is written from here on.
	last, err := asked[string](ctx, b.node, `select pg_walfile_name(pg_current_wal_lsn())`)
	if err != nil {
		return err
	}
	return await(ctx, "WAL file "+last+" to be removed", func(ctx context.Context) (string, error) {
		if err := b.goOn(ctx); err != nil {
			return "", err
		}
		there, err := asked[bool](ctx, b.node, `select exists (select from pg_ls_waldir() where name = $1)`, last)
		if err == nil && there {
			return "it is there", nil
		}
		return "", err
	})
}

// goOn leaves the present WAL file and takes a checkpoint.
func (b *invalidSlot) goOn(ctx context.Context) error {
	for _, statement := range []string{`select pg_switch_wal()`, `checkpoint`} {
		if _, err := b.cluster.Mark(ctx, b.node); err != nil { // an empty file is not switched
			return err
		}
		if err := b.node.SQL(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (b *invalidSlot) status(ctx context.Context) (string, error) {
	return asked[string](ctx, b.node, `select coalesce((select wal_status from pg_replication_slots where slot_name = $1), 'missing')`, b.slot)
}

// putBack takes back all but the loss of the slot.
func (b *invalidSlot) putBack(ctx context.Context) error {
	var errs []error
	for _, s := range b.settings {
		errs = append(errs, s.restore(ctx))
	}
	_, err := b.standby.Shell(ctx, thawScript, numbers(b.receivers)...)
	return errors.Join(append(errs, err)...)
}

// Verify sees that the slot is lost, and the standby turned away. Control: commits return.
func (b *invalidSlot) Verify(ctx context.Context) (Evidence, error) {
	status, err := b.status(ctx)
	if err == nil && status != "lost" {
		err = fmt.Errorf("slot %s on %s is %s", b.slot, b.node, status)
	}
	if err == nil {
		err = b.turnedAway(ctx, removed, "can no longer access replication slot") // up to PostgreSQL 17, and from 18 on
	}
	if err != nil {
		return Evidence{}, err
	}
	control, err := b.commits(ctx)
	return Evidence{
		Effect:  fmt.Sprintf("slot %s on %s is lost, and %s was turned away", b.slot, b.node, b.standby),
		Control: control, Values: map[string]string{"mechanism": "max_slot_wal_keep_size, checkpoint", "wal_status": status},
	}, err
}

// Revert takes back what an injection that went wrong left, then makes the slot.
func (b *invalidSlot) Revert(ctx context.Context) error {
	return errors.Join(b.putBack(ctx), b.lostSlot.Revert(ctx))
}

// VerifyReverted also sees the settings as they were.
func (b *invalidSlot) VerifyReverted(ctx context.Context) (Evidence, error) {
	for _, s := range b.settings {
		if _, err := s.restored(ctx); err != nil {
			return Evidence{}, err
		}
	}
	return b.lostSlot.VerifyReverted(ctx)
}
