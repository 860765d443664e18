package fault

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// What faults of PostgreSQL itself have in common.

const (
	// lookEvery is between two looks at a server's own words.
	lookEvery = 20 * time.Millisecond
	// injectWithin bounds what an injection waits for.
	injectWithin = 30 * time.Second
)

// onNode is a bound fault of one PostgreSQL.
type onNode struct {
	name    string // of the fault
	node    *cluster.Node
	cluster *cluster.Cluster
}

func (b onNode) String() string { return b.name + "(" + b.node.Name() + ")" }

// Targets is the node.
func (b onNode) Targets() []string { return []string{b.node.Name()} }

// Undo is empty: what such a fault holds are sessions of this process, which end with it.
func (b onNode) Undo() []intent.Action { return nil }

// bindNode finds a single node, which must have the role, where one is asked for.
func bindNode(ctx context.Context, r *Runner, name string, t Target, role cluster.Role) (onNode, error) {
	node, err := t.one(ctx, r.Cluster)
	if err != nil {
		return onNode{}, err
	}
	if role != "" {
		is, err := node.Role(ctx)
		if err != nil {
			return onNode{}, err
		}
		if is != role {
			return onNode{}, fmt.Errorf("%w: %s is a %s, and a %s is wanted", ErrNoTarget, node, is, role)
		}
	}
	return onNode{name, node, r.Cluster}, nil
}

// asked is the one value of the one row that a query on a node's kept connections returns.
func asked[T any](ctx context.Context, n *cluster.Node, query string, args ...any) (value T, err error) {
	err = n.Query(ctx, query, args, &value)
	return value, err
}

// await looks until nothing is in the way any more. An error is in the way too, for servers come and go. If ctx ends first,
// the error says what was in the way last.
func await(ctx context.Context, what string, look func(ctx context.Context) (inTheWay string, err error)) error {
	last := "nothing was answered"
	for {
		inTheWay, err := look(ctx)
		switch {
		case err == nil && inTheWay == "":
			return nil
		case err == nil:
			last = inTheWay
		case ctx.Err() == nil: // an error because of the deadline says less than the one before
			last = err.Error()
		}
		if err := pause(ctx, lookEvery); err != nil {
			return fmt.Errorf("wait for %s: %s (%w)", what, last, err)
		}
	}
}

// commits writes a marker row: the control of faults that must not keep anybody from writing. Its commit waits for no standby.
func (b onNode) commits(ctx context.Context) (string, error) {
	if _, err := b.cluster.Mark(ctx, b.node); err != nil {
		return "", fmt.Errorf("the fault reaches further than it should: %w", err)
	}
	return "a row was committed on " + b.node.Name(), nil
}

// isPrimary says whether the node runs and is a primary now.
func (b onNode) isPrimary(ctx context.Context) (bool, error) {
	return hasRole(ctx, b.node, cluster.Primary)
}

// hasRole is false for a node that does not run.
func hasRole(ctx context.Context, n *cluster.Node, role cluster.Role) (bool, error) {
	running, err := n.Running(ctx)
	if err != nil || !running {
		return false, err
	}
	is, err := n.Role(ctx)
	return is == role, err
}

// besideData is a path beside a node's data folder: on the same volume, and left alone by pg_rewind and pg_basebackup.
func besideData(n *cluster.Node, name string) string { return path.Join(path.Dir(n.DataDir()), name) }

// logged says whether the node's log has, since an offset, a line of that process with that SQLSTATE and severity.
func logged(ctx context.Context, n *cluster.Node, from int64, pid int, code string) (bool, error) {
	text, err := n.Log(ctx, from)
	return strings.Contains(text, fmt.Sprintf("[%d] %s:", pid, code)), err
}

// runScript is the undoing of a fault by a shell script, as postgres in a node's container.
func runScript(n *cluster.Node, script string, args ...string) intent.Action {
	argv := append([]string{"sh", "-c", script, "sh"}, args...)
	return intent.Action{Kind: intent.Exec, Node: n.Name(), Container: n.Container(), User: "postgres", Argv: argv}
}

// bothLinks are what a fault holds that needs replication to a standby to be as it is, apart from itself.
func bothLinks() []string {
	primary, standby := Primary().String(), Standby().String()
	return []string{"link " + primary + " " + standby, "link " + standby + " " + primary}
}

// steadyLinks are bothLinks for a fault that tells the standby's connection from a later one: a clock that jumps breaks it.
func steadyLinks() []string {
	return append(bothLinks(), "clock "+wordPrimary, "clock "+wordStandby)
}
