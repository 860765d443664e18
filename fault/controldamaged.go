package fault

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// ControlDamaged kills PostgreSQL and damages its control file, global/pg_control.
//
// It imitates a sector that went bad, a file system check that put the wrong block there, a torn write. PostgreSQL does not start,
// and no tool that reads the file (pg_rewind, pg_controldata) can trust it.
//
// Mechanism: the bytes that hold the last checkpoint's position are inverted, so the file's checksum is wrong. It needs nothing. It is
// done to a dead server, because one that runs writes the file anew at its next checkpoint.
//
// It is momentary. Revert puts the bytes back if they still are the damaged ones, and with Restart starts PostgreSQL. A node that
// was built anew has a control file of its own, which stays.
type ControlDamaged struct {
	Target  Target
	Restart bool
}

// String is "control-damaged(primary)".
func (f ControlDamaged) String() string { return "control-damaged(" + f.Target.String() + ")" }

// Supported is always true: it is a file.
func (f ControlDamaged) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint is that of a kill.
func (f ControlDamaged) Footprint() Footprint { return Kill(f.Target).Footprint() }

// Bind finds the node.
func (f ControlDamaged) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	damaged := &controlDamaged{node}
	return bindFile(r, node, f.Restart, fileKind{name: "control-damaged", choose: damaged.choose, bites: damaged.bites, whole: damaged.whole}), nil
}

type controlDamaged struct{ node *cluster.Node }

// Where the last checkpoint's position stands (struct ControlFileData in pg_control.h).
const (
	checkpointAt     = 32
	checkpointLength = 8
)

func (c *controlDamaged) choose(context.Context) (harm, error) {
	return harm{path: "global/pg_control", offset: checkpointAt, length: checkpointLength, spoil: invert}, nil
}

func invert(original []byte) []byte {
	spoilt := make([]byte, len(original))
	for i, b := range original {
		spoilt[i] = ^b
	}
	return spoilt
}

// complains asks pg_controldata, which warns on one of its outputs, depending on its version.
func (c *controlDamaged) complains(ctx context.Context) (bool, error) {
	text, err := c.node.Shell(ctx, `pg_controldata -D "$PGDATA" 2>&1`)
	return strings.Contains(strings.ToLower(text), "crc checksum does not match"), err
}

func (c *controlDamaged) bites(ctx context.Context) (string, error) {
	complains, err := c.complains(ctx)
	if err == nil && !complains {
		err = fmt.Errorf("pg_controldata finds nothing wrong on %s", c.node)
	}
	return "pg_controldata says that the checksum of the control file of " + c.node.Name() + " is wrong", err
}

func (c *controlDamaged) whole(ctx context.Context) (string, error) {
	complains, err := c.complains(ctx)
	if err == nil && complains {
		err = fmt.Errorf("the control file of %s is still damaged", c.node)
	}
	return "pg_controldata finds nothing wrong on " + c.node.Name(), err
}
