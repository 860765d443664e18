package procedure

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// promoteEvery is how often a promotion is looked at. pg_ctl promote and pg_promote(wait => true) look every 100 ms, and
// that would be most of the outage.
const promoteEvery = 2 * time.Millisecond

// promote makes the standby a primary whose commits return. It asks with pg_promote(wait => false): a promotion that was
// asked for and not seen in time is in doubt, not undone, and the error says so.
func (m Manual) promote(ctx context.Context, c *cluster.Cluster, to *cluster.Node) error {
	if err := m.at(ctx, BeforePromote, to); err != nil {
		return err
	}
	err := c.Recorder().Do(history.SpanPromote, to.Name(), func(span *history.Span) error {
		return within(ctx, m.step(), func(ctx context.Context) error { return ask(ctx, to, span) })
	})
	if err != nil {
		return fmt.Errorf("promote %s: %w", to, err)
	}
	return m.at(ctx, AfterPromote, to)
}

func ask(ctx context.Context, to *cluster.Node, span *history.Span) error {
	var asked bool
	if err := to.Query(ctx, `select pg_promote(wait => false)`, nil, &asked); err != nil {
		return err
	}
	if !asked {
		return fmt.Errorf("PostgreSQL did not take the request")
	}
	var timeline int64
	var names string
	err := until(ctx, "the end of recovery (the promotion is in doubt: it may still happen)", promoteEvery,
		func(ctx context.Context) (string, error) {
			var recovering bool
			err := to.Query(ctx, `select pg_is_in_recovery(), current_setting('synchronous_standby_names'),
				case when not pg_is_in_recovery() then ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 else 0 end`,
				nil, &recovering, &names, &timeline)
			if err == nil && recovering {
				return "still in recovery", nil
			}
			return "", err
		})
	if err != nil {
		return err
	}
	span.Values = map[string]string{"timeline": strconv.FormatInt(timeline, 10)}
	if names == "" {
		return nil
	}
	span.Values["synchronous_standby_names"] = "inherited and cleared: " + names
	return clearSync(ctx, to)
}

// clearSync empties an inherited synchronous_standby_names: while it names a standby that is not there, no commit returns.
func clearSync(ctx context.Context, to *cluster.Node) error {
	if err := to.SQL(ctx, `alter system set synchronous_standby_names = ''`); err != nil {
		return err
	}
	if err := to.Reload(ctx); err != nil {
		return err
	}
	return until(ctx, "synchronous_standby_names to be empty", promoteEvery, func(ctx context.Context) (string, error) {
		var names string
		err := to.Query(ctx, `select current_setting('synchronous_standby_names')`, nil, &names)
		return names, err
	})
}

// settle makes a freshly promoted node fit to be followed. The order matters: first a commit must return, because that is
// what clients wait for; then the checkpoint, before which pg_rewind would find the old timeline in pg_control and say "no
// rewind required"; then its own settings as a primary; then the slots of those that shall follow.
func (m Manual) settle(ctx context.Context, c *cluster.Cluster, primary *cluster.Node) error {
	return within(ctx, m.step(), func(ctx context.Context) error {
		if err := firstWrite(ctx, primary); err != nil {
			return err
		}
		if err := checkpoint(ctx, c, primary); err != nil {
			return err
		}
		if err := primary.Identity(ctx, cluster.Primary, nil, false); err != nil {
			return fmt.Errorf("settings of a primary on %s: %w", primary, err)
		}
		if err := primary.Reload(ctx); err != nil {
			return fmt.Errorf("reload %s: %w", primary, err)
		}
		return slotsOfPeers(ctx, c, primary)
	})
}

// settled makes up for what a failover that was cut short after the promotion did not come to, and makes the slots of those that
// shall follow.
func (m Manual) settled(ctx context.Context, c *cluster.Cluster, primary *cluster.Node) error {
	var done bool
	err := primary.Query(ctx, `select current_setting('primary_conninfo') = '' and (select timeline_id from pg_control_checkpoint()) = (`+pg.TimelineSQL+`)`,
		nil, &done)
	if err != nil {
		return fmt.Errorf("settings and timeline of %s: %w", primary, err)
	}
	if done {
		return slotsOfPeers(ctx, c, primary)
	}
	return m.settle(ctx, c, primary)
}

// checkpoint waits until pg_control shows the timeline that the node writes.
func checkpoint(ctx context.Context, c *cluster.Cluster, n *cluster.Node) error {
	return c.Recorder().Do(history.SpanCheckpoint, n.Name(), func(span *history.Span) error {
		if err := n.SQL(ctx, `checkpoint`); err != nil {
			return fmt.Errorf("checkpoint on %s: %w", n, err)
		}
		now, err := n.Timeline(ctx)
		if err != nil {
			return fmt.Errorf("timeline of %s: %w", n, err)
		}
		return until(ctx, fmt.Sprintf("timeline %d in pg_control of %s", now, n), promoteEvery*5,
			func(ctx context.Context) (string, error) {
				var controlled int64
				err := n.Query(ctx, `select timeline_id::int8 from pg_control_checkpoint()`, nil, &controlled)
				if err == nil && pg.Timeline(controlled) != now {
					return fmt.Sprintf("it is %d", controlled), nil
				}
				return "", err
			})
	})
}
