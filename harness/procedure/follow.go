package procedure

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

const followEvery = 5 * time.Millisecond

// follow starts a node whose folder is a standby's and returns when it is one for real: started, streaming on the primary's
// timeline as both sides see it, and showing a row that was written on the primary after the promotion. Then commits wait
// for it again, if the run's commit level wants that, and slots that it kept as a primary are dropped.
func (m Manual) follow(ctx context.Context, c *cluster.Cluster, standby, primary *cluster.Node) error {
	unfit, err := sentinel(ctx, standby)
	if err == nil && unfit != "" {
		err = fmt.Errorf("%s must not be started: %s", standby, unfit)
	}
	if err != nil {
		return err
	}
	token, err := c.Mark(ctx, primary)
	if err != nil {
		return err
	}
	steps := []struct {
		span string
		do   func(context.Context) error
	}{
		{history.SpanStart, standby.Start},
		{history.SpanStream, func(ctx context.Context) error { return streams(ctx, standby, primary) }},
		{history.SpanCatchUp, func(ctx context.Context) error { return standby.AwaitMark(ctx, token) }},
	}
	for _, step := range steps {
		err := c.Recorder().Do(step.span, standby.Name(), func(*history.Span) error { return within(ctx, m.step(), step.do) })
		if err != nil {
			return fmt.Errorf("%s: %w", step.span, err)
		}
	}
	return m.afterwards(ctx, c, standby, primary)
}

func (m Manual) afterwards(ctx context.Context, c *cluster.Cluster, standby, primary *cluster.Node) error {
	return within(ctx, m.step(), func(ctx context.Context) error {
		if err := dropOthers(ctx, standby, nil); err != nil {
			return err
		}
		if c.Topology().Commit == cluster.Async {
			return nil
		}
		return waitAgain(ctx, standby, primary)
	})
}

// streams waits until both sides say so. One row in pg_stat_replication alone proves nothing: it can stand in the state
// "startup" for ever, and a standby can stream a timeline that is not the primary's.
func streams(ctx context.Context, standby, primary *cluster.Node) error {
	return until(ctx, fmt.Sprintf("%s to stream from %s", standby, primary), followEvery, func(ctx context.Context) (string, error) {
		var sender string
		err := primary.Query(ctx, `select coalesce((select string_agg(state, ', ') from pg_stat_replication where application_name = $1), 'no row')`,
			[]any{standby.Name()}, &sender)
		if err != nil || sender != "streaming" {
			return fmt.Sprintf("pg_stat_replication on %s: %s", primary, sender), err
		}
		want, err := primary.Timeline(ctx)
		if err != nil {
			return "", err
		}
		var status string
		var timeline int64
		err = standby.Query(ctx, `select coalesce(max(status), 'no row'), coalesce(max(received_tli), 0)::int8 from pg_stat_wal_receiver`,
			nil, &status, &timeline)
		if err != nil || status != "streaming" || pg.Timeline(timeline) != want {
			return fmt.Sprintf("pg_stat_wal_receiver on %s: %s on timeline %d, want %d", standby, status, timeline, want), err
		}
		return "", nil
	})
}

// waitAgain has commits on the primary wait for the standby, now that it streams.
func waitAgain(ctx context.Context, standby, primary *cluster.Node) error {
	if err := primary.Identity(ctx, cluster.Primary, nil, true); err != nil {
		return fmt.Errorf("synchronous_standby_names on %s: %w", primary, err)
	}
	if err := primary.Reload(ctx); err != nil {
		return fmt.Errorf("reload %s: %w", primary, err)
	}
	return until(ctx, standby.Name()+" to be a synchronous standby", followEvery, func(ctx context.Context) (string, error) {
		var state string
		err := primary.Query(ctx, `select coalesce((select max(sync_state) from pg_stat_replication where application_name = $1), 'no row')`,
			[]any{standby.Name()}, &state)
		if err == nil && state != "sync" && state != "quorum" {
			return "sync_state is " + state, nil
		}
		return "", err
	})
}
