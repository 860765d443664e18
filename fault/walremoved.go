package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// WALRemoved kills PostgreSQL and removes the WAL segment in which its crash recovery would begin.
//
// It imitates an administrator or a script that makes room in pg_wal, a restore that forgot it, a lost directory entry. A primary does not
// start any more. A standby asks its archive and its primary for the segment first; pg_rewind cannot look back over it.
//
// Mechanism: the segment that the control file names as the one of the last checkpoint's redo position is moved out of pg_wal. It needs
// nothing. It does not touch the archive: who copies the segment back from there has healed it.
//
// It is momentary. Revert moves the segment back unless PostgreSQL has started, or the node was built anew, since; with Restart it
// starts PostgreSQL.
type WALRemoved struct {
	Target  Target
	Restart bool
}

// String is "wal-removed(primary)".
func (f WALRemoved) String() string { return "wal-removed(" + f.Target.String() + ")" }

// Supported is always true: it is a file.
func (f WALRemoved) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint is that of a kill.
func (f WALRemoved) Footprint() Footprint { return Kill(f.Target).Footprint() }

// Bind finds the node.
func (f WALRemoved) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	removed := &walRemoved{node: node}
	return bindFile(r, node, f.Restart, fileKind{name: "wal-removed", choose: removed.choose, bites: removed.bites, whole: removed.whole}), nil
}

type walRemoved struct{ node *cluster.Node }

func (w *walRemoved) choose(ctx context.Context) (harm, error) {
	control, err := w.node.ControlData(ctx)
	if err != nil {
		return harm{}, err
	}
	segment := control.Fields["Latest checkpoint's REDO WAL file"]
	if segment == "" {
		return harm{}, fmt.Errorf("pg_controldata of %s names no segment of the redo position", w.node)
	}
	return harm{path: "pg_wal/" + segment, remove: true}, nil
}

// redo reads one record from the redo position on, as crash recovery would.
func (w *walRemoved) redo(ctx context.Context) error {
	control, err := w.node.ControlData(ctx)
	if err != nil {
		return err
	}
	_, err = w.node.Exec(ctx, "pg_waldump", "-n", "1", "-p", w.node.DataDir()+"/pg_wal",
		"-t", fmt.Sprint(control.Timeline), "-s", control.Fields["Latest checkpoint's REDO location"])
	return err
}

func (w *walRemoved) bites(ctx context.Context) (string, error) {
	if err := w.redo(ctx); err == nil {
		return "", fmt.Errorf("pg_waldump still reads the redo position of %s", w.node)
	}
	return "pg_waldump cannot read the redo position of " + w.node.Name(), nil
}

func (w *walRemoved) whole(ctx context.Context) (string, error) {
	if err := w.redo(ctx); err != nil {
		return "", err
	}
	return "pg_waldump reads the redo position of " + w.node.Name(), nil
}
