package procedure

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Rejoin makes a former primary a standby of the present one: stopped, rewound (or rebuilt where a rewind is refused, was
// interrupted, or is not wanted), given its own settings back, started, and looked at until it is true. If the node's container is dead, it
// is started. Rejoin may be called again after it went wrong.
func (m Manual) Rejoin(ctx context.Context, c *cluster.Cluster, old *cluster.Node) (back Rejoined, err error) {
	err = c.Recorder().Do(history.SpanRejoin, old.Name(), func(span *history.Span) error {
		primary, err := upstream(ctx, c, old)
		if err != nil {
			return err
		}
		span.Detail = "of " + primary.Name()
		if err := m.prepare(ctx, c, old); err != nil {
			return err
		}
		if err := m.settled(ctx, c, primary); err != nil {
			return err
		}
		back, err = m.reconcile(ctx, c, old, primary)
		span.Values = back.values()
		if err != nil {
			return err
		}
		return m.follow(ctx, c, old, primary)
	})
	if err != nil {
		return back, fmt.Errorf("rejoin %s: %w", old, err)
	}
	return back, nil
}

// upstream is the one primary other than old.
func upstream(ctx context.Context, c *cluster.Cluster, old *cluster.Node) (*cluster.Node, error) {
	var found []*cluster.Node
	seen := look(ctx, c.Peers(old), probeMost)
	for _, v := range seen {
		if v.role == cluster.Primary {
			found = append(found, v.node)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d primaries to follow among its peers, want one: %s", len(found), seen)
	}
	return found[0], nil
}

// prepare has the node's container run and its PostgreSQL stopped.
func (m Manual) prepare(ctx context.Context, c *cluster.Cluster, old *cluster.Node) error {
	if _, err := old.Shell(ctx, `:`); err != nil {
		if err := old.StartContainer(ctx); err != nil {
			return fmt.Errorf("start its container: %w", err)
		}
	}
	running, err := old.Running(ctx)
	if err != nil {
		return err
	}
	if running {
		return m.fence(ctx, c, old, cluster.Fast)
	}
	// A container that was killed leaves the file behind, and its number may be another process's by now: nothing would start.
	_, err = old.Shell(ctx, `rm -f "$1/postmaster.pid"`, old.DataDir())
	return err
}

// reconcile makes old's data folder one that can follow primary, by a rewind if possible, and its settings its own. The
// sentinel stands from before the first change until after the last.
func (m Manual) reconcile(ctx context.Context, c *cluster.Cluster, old, primary *cluster.Node) (Rejoined, error) {
	unfit, err := sentinel(ctx, old)
	if err != nil {
		return Rejoined{}, err
	}
	back := Rejoined{How: Rebuilt, Reason: "an earlier attempt did not come to its end: " + unfit}
	switch {
	case unfit != "":
	case m.NoRewind:
		back.Reason = "this procedure rebuilds every old primary"
	default:
		if back, err = m.compare(ctx, c, old, primary); err != nil {
			return back, err
		}
	}
	if back.How == Rebuilt {
		if back.Bytes, err = m.rebuild(ctx, c, old, primary, back.Reason); err != nil {
			return back, err
		}
	}
	if err := m.at(ctx, AfterRewind, old); err != nil {
		return back, err
	}
	if err := restore(ctx, old, primary); err != nil {
		return back, err
	}
	return back, removeSentinel(ctx, old)
}

// compare rewinds a folder that may have diverged, unless its recovery has not ended.
func (m Manual) compare(ctx context.Context, c *cluster.Cluster, old, primary *cluster.Node) (Rejoined, error) {
	back, recovering, err := unended(ctx, old, primary)
	if err != nil || recovering {
		return back, err
	}
	if err := setSentinel(ctx, old, "pg_rewind against "+primary.Name()+" has begun"); err != nil {
		return Rejoined{}, err
	}
	return m.rewind(ctx, c, old, primary)
}

// restore gives the folder the node's own settings as a standby: a rewind and a base backup bring the source's, whose
// primary_conninfo points at the node itself. standby.signal comes first, so that a start in between is no primary's.
func restore(ctx context.Context, old, primary *cluster.Node) error {
	if _, err := old.Shell(ctx, `: > "$1/standby.signal" && rm -f "$1/recovery.signal"`, old.DataDir()); err != nil {
		return fmt.Errorf("standby.signal: %w", err)
	}
	if err := old.Identity(ctx, cluster.Standby, primary, false); err != nil {
		return fmt.Errorf("settings of a standby: %w", err)
	}
	return nil
}
