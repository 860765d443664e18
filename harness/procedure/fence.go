package procedure

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// fenceStop is how long a fence waits for PostgreSQL to stop before it kills it: every moment of it is outage.
const fenceStop = 5 * time.Second

// fence makes sure that a former primary accepts no write and cannot come back as a primary: its postmaster is stopped, or
// killed where it does not stop in time, and a standby.signal in its data folder sees to it that whoever starts it gets a
// read-only server. If its container is dead nothing runs there, and nothing but a rejoin starts PostgreSQL in it.
func (m Manual) fence(ctx context.Context, c *cluster.Cluster, old *cluster.Node, mode cluster.StopMode) error {
	err := c.Recorder().Do(history.SpanFence, old.Name(), func(span *history.Span) error {
		return within(ctx, m.step(), func(ctx context.Context) error {
			running, err := old.Running(ctx)
			if err != nil {
				return err
			}
			span.Detail = "was not running"
			if running {
				if span.Detail, err = shutOut(ctx, old, mode); err != nil {
					return err
				}
			}
			span.Values = map[string]string{"standby.signal": lock(ctx, old)}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("fence %s: %w", old, err)
	}
	return nil
}

// shutOut stops the postmaster, or kills it, and looks whether it is gone.
func shutOut(ctx context.Context, old *cluster.Node, mode cluster.StopMode) (how string, err error) {
	how = "stopped (" + string(mode) + ")"
	stop := func(ctx context.Context) error { return old.Stop(ctx, mode) }
	if err := within(ctx, fenceStop, stop); err != nil {
		how = fmt.Sprintf("killed, since it did not stop: %v", err)
		if _, err := old.Kill(ctx); err != nil {
			return how, err
		}
	}
	running, err := old.Running(ctx)
	if err == nil && running {
		err = fmt.Errorf("%s, and its postmaster still runs", how)
	}
	return how, err
}

// lock writes standby.signal and says how that went. It is a second lock beside the stop: in a container that is dead it
// cannot be written and is not needed.
func lock(ctx context.Context, old *cluster.Node) string {
	if _, err := old.Shell(ctx, `: > "$1/standby.signal"`, old.DataDir()); err != nil {
		return fmt.Sprintf("not written: %v", err)
	}
	return "written"
}
