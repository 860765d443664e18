package fault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// TornWAL kills PostgreSQL and takes away the end of the last WAL page that it wrote: the sector in which the last record ends.
//
// It imitates a power failure in the middle of the writing of a page, on a disk that had already called it synced: a volatile
// cache, a controller whose battery is dead. Recovery ends before the record that is torn, so commits that were
// acknowledged can be lost; a standby that has received them is then ahead of its primary.
//
// Mechanism: the bytes from the last boundary of 512 before the end of WAL to the end of that page become zeros, as in a segment
// that was not used before. It needs nothing. A torn page of a disk that keeps its promises holds nothing acknowledged: for
// that, and for what else is lost with the power, see PowerLoss. It does not touch data pages or the archive.
//
// It is momentary. Revert puts the bytes back if PostgreSQL has not started since, and with Restart starts it. Once it has
// started the end of WAL is where it was torn, and what stood behind it is lost on that node.
type TornWAL struct {
	Target  Target
	Restart bool
}

// String is "torn-wal(primary)".
func (f TornWAL) String() string { return "torn-wal(" + f.Target.String() + ")" }

// Supported is always true: it is a file.
func (f TornWAL) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint is that of a kill.
func (f TornWAL) Footprint() Footprint { return Kill(f.Target).Footprint() }

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// Bind finds the node.
func (f TornWAL) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	torn := &tornWAL{node: node}
	return bindFile(r, node, f.Restart, fileKind{name: "torn-wal", choose: torn.choose, bites: torn.bites, whole: torn.whole}), nil
}

type tornWAL struct {
	node *cluster.Node
	last pg.WALRecord // before it was torn
}

// dumpEnds prints the first and the last record from the position $2 on, of the timeline $1. pg_waldump ends with an
// error where WAL ends.
const dumpEnds = `pg_waldump -p "$PGDATA/pg_wal" -t "$1" -s "$2" 2>/dev/null | sed -n '1p;$p'`

// ends are the last checkpoint's record and the last one that can be read.
func (t *tornWAL) ends(ctx context.Context) (checkpoint, last pg.WALRecord, control pg.ControlData, err error) {
	if control, err = t.node.ControlData(ctx); err != nil {
		return checkpoint, last, control, err
	}
	text, err := t.node.Shell(ctx, dumpEnds, strconv.FormatUint(uint64(control.Timeline), 10), control.Checkpoint.String())
	if err != nil {
		return checkpoint, last, control, err
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if checkpoint, err = pg.ParseWALRecord(lines[0]); err == nil {
		last, err = pg.ParseWALRecord(lines[len(lines)-1])
	}
	if err != nil {
		err = fmt.Errorf("WAL of %s from the last checkpoint on: %w", t.node, err)
	}
	return checkpoint, last, control, err
}

// choose takes the last sector that holds WAL. The last checkpoint's record is never torn: the control file names it only after
// it was synced, and without it nothing could start.
func (t *tornWAL) choose(ctx context.Context) (harm, error) {
	checkpoint, last, control, err := t.ends(ctx)
	if err != nil {
		return harm{}, err
	}
	segment, err := strconv.ParseUint(control.Fields["Bytes per WAL segment"], 10, 32)
	if err != nil {
		return harm{}, fmt.Errorf("pg_controldata: bytes per WAL segment: %w", err)
	}
	end := uint64(last.End(segment))
	cut := (end - 1) / sector * sector
	if cut < uint64(checkpoint.End(segment)) {
		return harm{}, fmt.Errorf("%w: the last checkpoint is in the last sector of %s's WAL", ErrNoTarget, t.node)
	}
	t.last = last
	pageEnd := (cut/pg.WALPage + 1) * pg.WALPage
	return harm{
		path: "pg_wal/" + pg.WALFile(control.Timeline, pg.LSN(cut), segment), offset: cut % segment, length: int(pageEnd - cut),
		spoil: func(original []byte) []byte { return make([]byte, len(original)) },
	}, nil
}

func (t *tornWAL) bites(ctx context.Context) (string, error) {
	_, last, _, err := t.ends(ctx)
	if err != nil {
		return "", err
	}
	if last.Start >= t.last.Start {
		return "", fmt.Errorf("the WAL record at %s of %s can still be read", t.last.Start, t.node)
	}
	return fmt.Sprintf("the last WAL record that pg_waldump reads on %s is at %s, not at %s", t.node, last.Start, t.last.Start), nil
}

// whole says that WAL goes on: from the record that was torn, or from what was written since.
func (t *tornWAL) whole(ctx context.Context) (string, error) {
	_, last, _, err := t.ends(ctx)
	if err != nil {
		return "", err
	}
	running, err := t.node.Running(ctx)
	switch {
	case err != nil:
		return "", err
	case running:
		return t.node.Name() + " runs", nil
	case last.Start < t.last.Start:
		return "", errors.New("the end of WAL is still torn")
	}
	return fmt.Sprintf("pg_waldump reads up to the record at %s", last.Start), nil
}
