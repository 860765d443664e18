package procedure

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Switchover stops the primary, which ships everything to its standby up to and with its shutdown checkpoint, looks whether
// the standby has all of it, promotes the standby, and has the old primary follow: nothing has diverged, so no rewind.
// If the standby does not have all of it, nothing is promoted and the old primary is started again as what it was.
func (m Manual) Switchover(ctx context.Context, c *cluster.Cluster, to *cluster.Node) error {
	err := c.Recorder().Do(history.SpanSwitch, to.Name(), func(span *history.Span) error {
		old, err := m.ready(ctx, c, to)
		if err != nil {
			return err
		}
		if old == to {
			span.Detail = "is the primary already"
			return nil
		}
		span.Detail = "from " + old.Name()
		if err := m.handOver(ctx, c, old, to); err != nil {
			return err
		}
		if err := m.promote(ctx, c, to); err != nil {
			return err
		}
		if err := m.settle(ctx, c, to); err != nil {
			return err
		}
		return m.comeBack(ctx, c, old, to)
	})
	if err != nil {
		return fmt.Errorf("switchover to %s: %w", to, err)
	}
	return nil
}

// ready finds the primary, sees that the standby streams from it, and takes a checkpoint now, so that the shutdown's, during
// which nobody can write, has little to do.
func (m Manual) ready(ctx context.Context, c *cluster.Cluster, to *cluster.Node) (old *cluster.Node, err error) {
	err = within(ctx, m.step(), func(ctx context.Context) error {
		if old, err = c.Primary(ctx); err != nil || old == to {
			return err
		}
		if err := streams(ctx, to, old); err != nil {
			return err
		}
		return old.SQL(ctx, `checkpoint`)
	})
	return old, err
}

// handOver stops the old primary and waits until the standby has replayed its shutdown checkpoint.
func (m Manual) handOver(ctx context.Context, c *cluster.Cluster, old, to *cluster.Node) error {
	err := c.Recorder().Do(history.SpanFence, old.Name(), func(span *history.Span) error {
		return within(ctx, m.step(), func(ctx context.Context) error {
			if err := quiesce(ctx, old); err != nil {
				return err
			}
			if err := old.Stop(ctx, cluster.Fast); err != nil {
				return err
			}
			control, err := old.ControlData(ctx)
			if err != nil {
				return err
			}
			if control.State != "shut down" {
				return fmt.Errorf("%s says %q after a fast stop, want \"shut down\"", old, control.State)
			}
			span.Detail = "stopped (fast), shutdown checkpoint at " + control.Checkpoint.String()
			return has(ctx, to, control.Checkpoint)
		})
	})
	if err != nil {
		return m.giveUp(ctx, c, old, err)
	}
	return nil
}

// quiesceWithin is how long clients may take to finish what they have begun; then the stop ends it.
const quiesceWithin = 500 * time.Millisecond

// quiesce lets no new transaction write, and those that have begun finish: a client whose commit is cut short by the stop
// would not know what became of it. Clients that look for a read-write server leave meanwhile. The setting goes with
// the node's next Identity.
func quiesce(ctx context.Context, old *cluster.Node) error {
	if err := old.SQL(ctx, `alter system set default_transaction_read_only = on`); err != nil {
		return err
	}
	if err := old.Reload(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, quiesceWithin)
	defer cancel()
	_ = until(ctx, "writers to finish", promoteEvery, func(ctx context.Context) (string, error) {
		var readOnly bool
		var writers int
		err := old.Query(ctx, `select current_setting('default_transaction_read_only')::bool, count(*)::int from pg_stat_activity
			where backend_type = 'client backend' and backend_xid is not null`, nil, &readOnly, &writers)
		if err == nil && (!readOnly || writers > 0) {
			return fmt.Sprintf("%d still write", writers), nil
		}
		return "", err
	}) // whoever has not finished by now is stopped
	return nil
}

// has waits until a standby has replayed past the beginning of a record that was the last one.
func has(ctx context.Context, standby *cluster.Node, record pg.LSN) error {
	return until(ctx, fmt.Sprintf("%s to have replayed the shutdown checkpoint at %s", standby, record), promoteEvery,
		func(ctx context.Context) (string, error) {
			var text string
			if err := standby.Query(ctx, `select coalesce(pg_last_wal_replay_lsn(), '0/0')::text`, nil, &text); err != nil {
				return "", err
			}
			replayed, err := pg.ParseLSN(text)
			if err == nil && replayed <= record {
				return "it is at " + text, nil
			}
			return "", err
		})
}

// giveUp has the old primary up again, if nothing was promoted: an outage that a failed switchover need not prolong. One that
// hangs in its shutdown (a standby that no longer confirms does that) takes no connections and has to be stopped first.
func (m Manual) giveUp(ctx context.Context, c *cluster.Cluster, old *cluster.Node, why error) error {
	err := within(context.WithoutCancel(ctx), m.step(), func(ctx context.Context) error {
		running, err := old.Running(ctx)
		if err != nil {
			return err
		}
		if running {
			if err := old.Stop(ctx, cluster.Immediate); err != nil {
				return err
			}
		}
		if err := old.Identity(ctx, cluster.Primary, nil, c.Topology().Synchronous()); err != nil {
			return err
		}
		return old.Start(ctx)
	})
	if err != nil {
		return fmt.Errorf("%w; and the old primary could not be started again: %w", why, err)
	}
	return fmt.Errorf("given up, nothing was promoted: %w", why)
}

// comeBack has the old primary follow. It was stopped cleanly and the standby had everything, so its folder is one that the
// new primary's history goes on from.
func (m Manual) comeBack(ctx context.Context, c *cluster.Cluster, old, primary *cluster.Node) error {
	return c.Recorder().Do(history.SpanRejoin, old.Name(), func(span *history.Span) error {
		span.Detail, span.Values = "of "+primary.Name(), Rejoined{How: NoOp}.values()
		if err := restore(ctx, old, primary); err != nil {
			return err
		}
		return m.follow(ctx, c, old, primary)
	})
}
