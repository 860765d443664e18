package fault

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// FewerConnections restarts a standby with a lower max_connections than its primary's: it refuses to start.
//
// It imitates a raise of max_connections that was rolled out on the primary only and met at the standby's next restart, which may be
// in the midst of an incident: "recovery aborted because of insufficient parameter settings".
//
// Mechanism: ALTER SYSTEM on the standby to half of what it was, a fast stop, a start. It does not touch the primary, and it is not the
// other way to meet the same mistake, a primary that is raised while the standby runs, on which a hot standby pauses replay.
//
// It heals by Revert, which puts back what the setting was and starts the standby; after the tester's death `make heal` does that.
type FewerConnections struct{ Target Target }

// String is "fewer-connections(standby)".
func (f FewerConnections) String() string { return "fewer-connections(" + f.Target.String() + ")" }

// Supported is always true.
func (f FewerConnections) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of a standby that does not start.
func (f FewerConnections) Footprint() Footprint {
	return Footprint{Takes: []string{f.Target.String()}, Holds: []string{"processes of " + f.Target.String()}}
}

// Bind finds the standby.
func (f FewerConnections) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, "fewer-connections", f.Target, cluster.Standby)
	if err != nil {
		return nil, err
	}
	now, err := asked[int](ctx, on.node, `select current_setting('max_connections')::int`)
	if err != nil {
		return nil, err
	}
	const least = 20 // half of it must be more than what is reserved for superusers
	if now < least {
		return nil, unsupported("max_connections of %s is %d: nothing to take away", on.node, now)
	}
	b := &refusedStart{onNode: on, primaries: now}
	b.setting, err = readSetting(ctx, on.node, "max_connections", strconv.Itoa(now/2))
	return b, err
}

type refusedStart struct {
	onNode
	setting   *setting
	primaries int   // what the primary's WAL asks for
	from      int64 // in the log
}

// Undo puts the setting back and starts PostgreSQL where it does not run.
func (b *refusedStart) Undo() []intent.Action {
	start := runScript(b.node, `pg_ctl -D "$PGDATA" status >/dev/null || pg_ctl -D "$PGDATA" -w -t 10 -l "$1" start >/dev/null`, b.node.LogFile())
	return []intent.Action{b.setting.undo(""), start}
}

func (b *refusedStart) Inject(ctx context.Context) (_ Active, err error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	if err := b.setting.write(ctx); err != nil {
		return b, err
	}
	if err := b.node.Stop(ctx, cluster.Fast); err != nil {
		return b, err
	}
	if b.from, err = b.node.LogSize(ctx); err != nil {
		return b, err
	}
	_ = b.node.Start(ctx) // it must fail: Verify looks whether it did, and why
	return b, nil
}

// Verify is refused at the standby's port and finds the reason in its log. Control: the other nodes' ports answer.
func (b *refusedStart) Verify(ctx context.Context) (Evidence, error) {
	err := await(ctx, "connections to be refused", func(ctx context.Context) (string, error) {
		outcome, err := knock(ctx, b.node)
		if err == nil && outcome != "refused" {
			return "a connection to " + b.node.Name() + " is " + outcome, nil
		}
		return "", err
	})
	if err != nil {
		return Evidence{}, err
	}
	log, err := b.node.Log(ctx, b.from)
	if err != nil {
		return Evidence{}, err
	}
	reason := fmt.Sprintf("max_connections = %s is a lower setting than on the primary server, where its value was %d", b.setting.faulty, b.primaries)
	if !strings.Contains(log, reason) {
		return Evidence{}, fmt.Errorf("%s does not run, but not because of its max_connections: its log does not say so", b.node)
	}
	control := "no other node is there"
	for _, peer := range b.cluster.Peers(b.node) {
		outcome, err := knock(ctx, peer)
		if err != nil {
			return Evidence{}, err
		}
		control = "a connection to " + peer.Name() + " is " + outcome
	}
	return Evidence{
		Effect: b.node.Name() + " refused to start: " + reason, Control: control,
		Values: map[string]string{"mechanism": "alter system, restart"},
	}, nil
}

// Revert puts the setting back and starts PostgreSQL.
func (b *refusedStart) Revert(ctx context.Context) error {
	if err := b.setting.restore(ctx); err != nil {
		return err
	}
	running, err := b.node.Running(ctx)
	if err != nil || running {
		return err
	}
	return b.node.Start(ctx)
}

// VerifyReverted sees that it answers, with the setting that it had.
func (b *refusedStart) VerifyReverted(ctx context.Context) (Evidence, error) {
	if _, err := b.node.Role(ctx); err != nil {
		return Evidence{}, err
	}
	effect, err := b.setting.restored(ctx)
	return Evidence{Effect: b.node.Name() + " runs, and " + effect}, err
}
