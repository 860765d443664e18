package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Sampler probes every node directly, each on a connection of its own, and records what it saw.
//
// A sample of a node comes at least every 50 ms whatever the node does: one that does not answer gets samples that say so
// (not Up, with the time it has been silent so far in Took), and holds up no other node's. What it answers in the end is
// recorded too, with how long that took: it was true at some moment of that time.
type Sampler struct {
	Every   time.Duration // between two probes of a node; 0: 20 ms
	Timeout time.Duration // after which a connection that does not answer is given up for a new one; 0: 1 s
}

const (
	probeEvery   = 20 * time.Millisecond
	probeTimeout = time.Second
)

// OFFSET 0 has the role asked for once.
const probeQuery = `select r.recovery,
	not r.recovery and current_setting('transaction_read_only') = 'off',
	` + pg.TimelineSQL + `,
	case when r.recovery then coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_lsn() end::text,
	case when r.recovery then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text
	from (select pg_is_in_recovery() as recovery offset 0) r`

// Name is how the sampler is called beside the workloads.
func (s Sampler) Name() string { return "sampler" }

// Run probes until ctx ends.
func (s Sampler) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	if s.Every < 0 || s.Timeout < 0 {
		return fmt.Errorf("sample every %v with a timeout of %v: want no negative time", s.Every, s.Timeout)
	}
	var probes []*probe
	for _, node := range c.Nodes() {
		config, err := pgx.ParseConfig(node.DSN(cluster.Monitor))
		if err != nil {
			return fmt.Errorf("sample %s: %w", node, err)
		}
		probes = append(probes, s.probe(node.Name(), config, to))
	}
	var group errgroup.Group
	for _, p := range probes {
		group.Go(func() error { p.run(ctx); return nil })
	}
	return group.Wait()
}

// samples is where a probe's samples go, and its clock: a history.Recorder.
type samples interface {
	clock
	Sample(history.Sample)
}

// probe watches one node.
type probe struct {
	node    string
	config  *pgx.ConnConfig
	every   time.Duration
	timeout time.Duration
	to      samples
	conn    *pgx.Conn
	last    time.Duration // when the last sample was recorded
}

func (s Sampler) probe(node string, config *pgx.ConnConfig, to samples) *probe {
	p := &probe{node: node, config: config.Copy(), every: s.Every, timeout: s.Timeout, to: to}
	if p.every == 0 {
		p.every = probeEvery
	}
	if p.timeout == 0 {
		p.timeout = probeTimeout
	}
	bound(p.config, max(p.timeout, connectTimeout))
	return p
}

func (p *probe) run(ctx context.Context) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	answers := make(chan history.Sample)
	asked, waiting := p.ask(ctx, answers), true
	for {
		select {
		case sample := <-answers:
			waiting = false
			p.record(sample)
		case <-tick.C:
			switch {
			case ctx.Err() != nil:
			case !waiting:
				asked, waiting = p.ask(ctx, answers), true
			default:
				p.silent(asked)
			}
		case <-ctx.Done():
			if waiting {
				<-answers // soon: it ends with ctx
			}
			p.drop(ctx)
			return
		}
	}
}

// ask probes in the background, so that a node that does not answer still gets its samples.
func (p *probe) ask(ctx context.Context, answers chan<- history.Sample) time.Duration {
	asked := p.to.Now()
	go func() {
		sample := p.look(ctx)
		sample.Node, sample.At = p.node, p.to.Now()
		sample.Took = sample.At - asked
		answers <- sample
	}()
	return asked
}

// silent records that there is no answer yet, once it is time for a sample: an answer that is only slow is not silence.
func (p *probe) silent(asked time.Duration) {
	now := p.to.Now()
	if now-asked < p.every/2 || now-p.last < p.every*3/2 { // so two samples are never further apart than two probes and a timer's lateness
		return
	}
	p.record(history.Sample{Node: p.node, At: now, Took: now - asked, Err: history.NoAnswer})
}

func (p *probe) record(sample history.Sample) {
	p.last = sample.At
	p.to.Sample(sample)
}

// look asks once; whatever goes wrong is what was seen, and costs the connection.
func (p *probe) look(ctx context.Context) (sample history.Sample) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	err := p.connect(ctx)
	var timeline int64
	var write, replay *string
	if err == nil {
		err = p.conn.QueryRow(ctx, "probe").Scan(&sample.InRecovery, &sample.Writable, &timeline, &write, &replay)
	}
	if err == nil {
		var first, second error
		sample.Write, first = position(write)
		sample.Replay, second = position(replay)
		err = errors.Join(first, second)
	}
	if err != nil {
		p.drop(ctx)
		return history.Sample{Err: oneLine(err)}
	}
	sample.Up, sample.Timeline = true, pg.Timeline(timeline)
	return sample
}

func (p *probe) connect(ctx context.Context) error {
	if p.conn != nil {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, p.config)
	if err != nil {
		return err
	}
	p.conn = conn
	_, err = conn.Prepare(ctx, "probe", probeQuery)
	return err
}

func (p *probe) drop(ctx context.Context) {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = p.conn.Close(ctx) // its server may be gone, which is why
	p.conn = nil
}

// position reads an LSN; a standby that has replayed nothing yet has none.
func position(text *string) (pg.LSN, error) {
	if text == nil {
		return 0, nil
	}
	return pg.ParseLSN(*text)
}
