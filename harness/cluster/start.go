package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"
)

var (
	nodeName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`) // also a replication slot and an application_name
	settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
)

// Bounds of Start beside its context, each far above what was seen on a machine with twenty times its load.
const (
	podsWithin   = 5 * time.Minute
	streamWithin = 3 * time.Minute
	closeWithin  = 2 * time.Minute
)

// Start builds the nodes and returns when every standby streams and has shown a marker row written on the primary.
// On error nothing of it is left.
func Start(ctx context.Context, config Config) (c *Cluster, err error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	docker, err := connectEngine(ctx)
	if err != nil {
		return nil, err
	}
	c = &Cluster{
		config: config, docker: docker, id: strings.ToLower(rand.Text()[:10]),
		labels: marked(config.Labels), passwords: drawPasswords(),
	}
	for _, name := range config.Topology.Nodes {
		c.nodes = append(c.nodes, c.newNode(name))
	}
	defer func() {
		if err == nil {
			return
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		err, c = errors.Join(fmt.Errorf("start cluster: %w", err), c.Close(clean)), nil
	}()
	t, err := findTemplate(ctx, docker, config)
	if err != nil {
		return c, err
	}
	if err := c.startPods(ctx, t); err != nil {
		return c, err
	}
	if err := c.startPostgres(ctx); err != nil {
		return c, err
	}
	return c, c.settle(ctx)
}

func drawPasswords() map[User]string {
	drawn := map[User]string{}
	for _, user := range []User{Admin, App, Monitor, Replica, Rewind} {
		drawn[user] = rand.Text()
	}
	return drawn
}

// startPods starts both containers of all nodes. Making PostgreSQL's, which copies the template's data folder, does not
// wait for the network and the sandbox.
func (c *Cluster) startPods(ctx context.Context, t template) error {
	ctx, cancel := context.WithTimeout(ctx, podsWithin)
	defer cancel()
	ready := make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		c.subnet, err = createNetwork(ctx, c.docker, c.networkName(), c.config.Labels)
		if err != nil {
			return err
		}
		c.direct = !c.config.Publish && local(c.Gateway())
		for i, n := range c.nodes {
			n.address = c.subnet.node(i).String()
		}
		close(ready)
		return nil
	})
	for _, n := range c.nodes {
		group.Go(func() error { return c.startPod(ctx, n, t, ready) })
	}
	return group.Wait()
}

func (c *Cluster) startPod(ctx context.Context, n *Node, t template, ready <-chan struct{}) error {
	sandbox := make(chan error, 1)
	go func() {
		select {
		case <-ready:
			sandbox <- c.startSandbox(ctx, n)
		case <-ctx.Done():
			sandbox <- ctx.Err()
		}
	}()
	postgres, err := c.createPostgres(ctx, n, t)
	if err := errors.Join(err, <-sandbox); err != nil {
		return err
	}
	if err := postgres.Start(ctx); err != nil {
		return fmt.Errorf("container %s: %w", n.pod.postgres, err)
	}
	_, err = n.Shell(ctx, ":") // opens the shell that later calls use
	return err
}

func (c *Cluster) createPostgres(ctx context.Context, n *Node, t template) (testcontainers.Container, error) {
	if n.DiskHolder() == "" {
		return create(ctx, c.postgresRequest(n, t.reference()))
	}
	if err := c.startDisk(ctx, n); err != nil {
		return nil, err
	}
	postgres, err := create(ctx, c.postgresRequest(n, t.reference()))
	if err != nil && strings.Contains(err.Error(), mountRefused) {
		err = fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return postgres, err
}

func (c *Cluster) startSandbox(ctx context.Context, n *Node) error {
	sandbox, err := create(ctx, c.sandboxRequest(n))
	if err != nil {
		return err
	}
	if err := sandbox.Start(ctx); err != nil {
		return fmt.Errorf("container %s: %w", n.pod.sandbox, err)
	}
	return n.findPublished(ctx)
}

// startPostgres configures and starts the primary, gives its roles their passwords, and starts the standbys.
func (c *Cluster) startPostgres(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, streamWithin)
	defer cancel()
	primary, standbys := c.nodes[0], c.nodes[1:]
	own, err := drawSystem(ctx, primary)
	if err != nil {
		return err
	}
	group, configured := errgroup.WithContext(ctx)
	for _, n := range standbys {
		group.Go(func() error { return n.configure(configured, Standby, primary, own) })
	}
	err = primary.configure(ctx, Primary, nil, own)
	if err == nil {
		err = c.startPrimary(ctx, primary)
	}
	if err := errors.Join(err, group.Wait()); err != nil {
		return err
	}
	token, err := c.Mark(ctx, primary)
	if err != nil {
		return err
	}
	group, ctx = errgroup.WithContext(ctx)
	for _, n := range standbys {
		group.Go(func() error {
			if err := n.launch(ctx); err != nil {
				return err
			}
			if err := c.awaitReplay(ctx, primary, n); err != nil {
				return err
			}
			return n.AwaitMark(ctx, token)
		})
	}
	return group.Wait()
}

// awaitReplay waits, seen from the primary, until a fresh standby has replayed what was written so far. Before that its roles have
// no passwords yet, so each question asked of itself would be answered by a FATAL line in its log.
func (c *Cluster) awaitReplay(ctx context.Context, primary, standby *Node) error {
	goal, err := primary.LSN(ctx)
	if err != nil {
		return err
	}
	const query = `SELECT coalesce(max(replay_lsn), '0/0') >= $1::text::pg_lsn FROM pg_stat_replication WHERE application_name = $2 AND state = 'streaming'`
	err = poll(ctx, func(ctx context.Context) (there bool, err error) {
		err = primary.Query(ctx, query, []any{goal.String(), standby.name}, &there)
		return there, err
	})
	if err != nil {
		return fmt.Errorf("%s streams from %s up to %s: %w", standby.name, primary.name, goal, err)
	}
	return nil
}
