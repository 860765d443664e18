package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Shape is how many clients do something, how often, and how they connect. It means what the same fields of Ledger mean.
type Shape struct {
	Clients   int           // at least 1
	Rate      float64       // operations a second in all, open loop; 0: as fast as they come
	Seed      uint64        // of schedules, keys and choices
	Node      string        // "": multi-host, read-write; else pinned to this node
	First     int           // number of the first client
	Timeout   time.Duration // of a whole operation on the client's side; 0: DefaultTimeout
	Isolation string        // as SQL spells it; empty: read committed
}

func (sh Shape) check(name string) error {
	switch sh.Isolation {
	case "", history.ReadCommitted, history.RepeatableRead, history.Serializable:
	default:
		return fmt.Errorf("run %s: isolation level %q: want read committed, repeatable read or serializable", name, sh.Isolation)
	}
	if sh.Clients < 1 || sh.Rate < 0 || sh.Timeout < 0 {
		return fmt.Errorf("run %s: %d clients at %v/s with a timeout of %v: want at least one client, and no negative rate or timeout",
			name, sh.Clients, sh.Rate, sh.Timeout)
	}
	return nil
}

// config is how the clients connect: every transaction runs at the level asked for, without a word of its own.
func (sh Shape) config(c *cluster.Cluster) (*pgx.ConnConfig, error) {
	config, err := connConfig(c, sh.Node)
	if err == nil && sh.Isolation != "" {
		config.RuntimeParams["default_transaction_isolation"] = sh.Isolation
	}
	return config, err
}

func (sh Shape) session(config *pgx.ConnConfig, i int, statements map[string]string) *session {
	timeout := sh.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	s := newSession(config, timeout, sh.Seed, sh.First+i)
	s.statements = statements
	return s
}

// worker is one client of a workload: it does one operation, sets what became of it, and records it if it is worth a record.
type worker interface {
	work(ctx context.Context, due time.Duration)
	close(ctx context.Context)
}

// run has every client work by its schedule until ctx ends.
func (sh Shape) run(ctx context.Context, to *history.Recorder, hire func(i int) (worker, *rand.Rand)) error {
	var group errgroup.Group
	for i := range sh.Clients {
		w, random := hire(i)
		clock := newSchedule(sh.Clients, sh.Rate, i, random)
		group.Go(func() error {
			defer w.close(ctx)
			clock.begin(to.Now())
			for {
				due, ok := clock.wait(ctx, to)
				if !ok {
					return nil
				}
				w.work(ctx, due)
			}
		})
	}
	return errors.Join(group.Wait(), to.Flush())
}

// onStandby is a multi-host connection to whichever node is a standby.
func onStandby(c *cluster.Cluster) (*pgx.ConnConfig, error) {
	dsn, err := url.Parse(c.DSN(cluster.App))
	if err != nil {
		return nil, errors.New("the cluster's connection string is no URL") // err would show it, and it holds a password
	}
	query := dsn.Query()
	query.Set("target_session_attrs", "standby")
	dsn.RawQuery = query.Encode()
	return pgx.ParseConfig(dsn.String())
}

// onPrimary runs statements as the workloads' user on the primary: what Prepare methods do.
func onPrimary(ctx context.Context, c *cluster.Cluster, name string, statements ...string) error {
	primary, err := c.Primary(ctx)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	conn, err := primary.Connect(ctx, cluster.App)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
	}
	return nil
}

// Mix is several workloads at once.
type Mix []Workload

// Name names them all.
func (m Mix) Name() string {
	name := "mix"
	for _, w := range m {
		name += " " + w.Name()
	}
	return name
}

// Prepare prepares one after the other.
func (m Mix) Prepare(ctx context.Context, c *cluster.Cluster) error {
	for _, w := range m {
		if err := w.Prepare(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Run returns when all have returned.
func (m Mix) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	errs := make([]error, len(m))
	var group errgroup.Group
	for i, w := range m {
		group.Go(func() error { errs[i] = w.Run(ctx, c, to); return nil })
	}
	_ = group.Wait() // all errors are in errs
	return errors.Join(errs...)
}
