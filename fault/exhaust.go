package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// ExhaustConnections takes every connection slot of a node that is not reserved for superusers.
//
// It imitates a connection leak, a pool that is too big, a storm of clients that all connect again after an outage: who is
// connected goes on, who is not is turned away with "too many clients", monitoring among them.
//
// Mechanism: idle sessions of the tester as the application's user, until PostgreSQL refuses one (SQLSTATE 53300). It takes none of
// superuser_reserved_connections, by which the harness gets in, and none of the walsenders' slots. A slot that somebody else gives back
// later is not taken again; if nobody takes it, Verify says so.
//
// It heals by Revert, and with the tester's death: sessions end with the process.
type ExhaustConnections struct{ Target Target }

// String is "exhaust-connections(primary)".
func (f ExhaustConnections) String() string { return "exhaust-connections(" + f.Target.String() + ")" }

// Supported is always true.
func (f ExhaustConnections) Supported(context.Context, *cluster.Cluster) error { return nil }

// Footprint of no free slot: clients that connect get no answer. A hundred hashes of passwords take their CPU.
func (f ExhaustConnections) Footprint() Footprint {
	t := f.Target.String()
	return Footprint{Needs: []string{t}, Takes: []string{t}, Holds: []string{"CPU of " + t}}
}

// Bind finds the node and how many slots it has.
func (f ExhaustConnections) Bind(ctx context.Context, r *Runner) (Bound, error) {
	on, err := bindNode(ctx, r, "exhaust-connections", f.Target, "")
	if err != nil {
		return nil, err
	}
	slots, err := asked[int](ctx, on.node, `select current_setting('max_connections')::int`)
	if err != nil {
		return nil, err
	}
	return &exhausted{onNode: on, slots: slots}, nil
}

type exhausted struct {
	onNode
	slots int

	mu   sync.Mutex
	held []*pgx.Conn
	pids []int
}

const (
	// tooManyConnections is the SQLSTATE of a client that is turned away for want of a slot.
	tooManyConnections = "53300"
	// connecting is how many sessions are opened at a time: each costs the server a hash of the password.
	connecting = 4
)

func (b *exhausted) Inject(ctx context.Context) (Active, error) {
	ctx, cancel := context.WithTimeout(ctx, injectWithin)
	defer cancel()
	var group errgroup.Group
	for range connecting {
		group.Go(func() error { return b.fill(ctx) })
	}
	if err := group.Wait(); err != nil {
		return b, err
	}
	return b, b.topUp(ctx)
}

// fill opens sessions until one is refused.
func (b *exhausted) fill(ctx context.Context) error {
	for {
		conn, err := openSession(ctx, b.node, cluster.App)
		if answered(err) == tooManyConnections {
			return nil
		}
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.held, b.pids = append(b.held, conn), append(b.pids, int(conn.PgConn().PID()))
		many := len(b.held) > b.slots
		b.mu.Unlock()
		if many {
			return fmt.Errorf("%s took more sessions than it has slots, %d", b.node, b.slots)
		}
	}
}

// topUp fills what is left: a session that is being refused has a slot of its own until it is gone, for which others are refused too.
func (b *exhausted) topUp(ctx context.Context) error {
	for full := 0; full < 3; full++ {
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
		before := len(b.held)
		if err := b.fill(ctx); err != nil {
			return err
		}
		if len(b.held) > before {
			full = 0
		}
	}
	return nil
}

// Verify is turned away as the application's user and counts the sessions as the server does. Control: a superuser gets in.
func (b *exhausted) Verify(ctx context.Context) (Evidence, error) {
	if err := b.knocks(ctx, cluster.App); answered(err) != tooManyConnections {
		return Evidence{}, errors.Join(fmt.Errorf("a client was not turned away by %s", b.node), err)
	}
	if err := b.knocks(ctx, cluster.Admin); err != nil {
		return Evidence{}, fmt.Errorf("the fault reaches further than it should: %w", err)
	}
	counted, err := asked[int](ctx, b.node, `select count(*) from pg_stat_activity where application_name = $1 and pid = any($2)`, holder, b.pids)
	if err != nil {
		return Evidence{}, err
	}
	if counted < len(b.held) {
		return Evidence{}, fmt.Errorf("%d of %d sessions on %s are left", counted, len(b.held), b.node)
	}
	return Evidence{
		Effect:  "clients of " + b.node.Name() + " are turned away",
		Control: "a superuser gets in",
		Values:  map[string]string{"mechanism": "idle sessions", "sessions": fmt.Sprint(counted), "slots": fmt.Sprint(b.slots)},
	}, nil
}

func (b *exhausted) knocks(ctx context.Context, user cluster.User) error {
	conn, err := b.node.Connect(ctx, user)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Revert ends the sessions.
func (b *exhausted) Revert(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeSessionWithin)
	defer cancel()
	for _, conn := range b.held {
		_ = conn.Close(ctx) // whether they are gone is asked of the server
	}
	return nil
}

// VerifyReverted sees that they are gone and that a client gets in; a server that does not run holds none.
func (b *exhausted) VerifyReverted(ctx context.Context) (Evidence, error) {
	if err := sessionsGone(ctx, b.node, b.pids); err != nil {
		return Evidence{}, err
	}
	running, err := b.node.Running(ctx)
	if err != nil || !running {
		return Evidence{Effect: b.node.Name() + " does not run"}, err
	}
	return Evidence{Effect: "clients of " + b.node.Name() + " get in"},
		await(ctx, "a client to get in", func(ctx context.Context) (string, error) { return "", b.knocks(ctx, cluster.App) })
}
