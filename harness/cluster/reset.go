package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Reset makes a cluster of one whose run is over, as Start would make it, but in the same network and sandboxes, which takes
// less time. PostgreSQL's containers and volumes are removed and made anew from the template, so that nothing of what
// was in them can be left; system identifier and passwords are drawn anew. Addresses stay, and so do the sandboxes' agents: that
// they hold no rule any more is asked elsewhere (fault.Clean).
//
// config may differ in all but the nodes' names, the sandbox's image and how nodes are reached, and disks of the nodes' own are
// not made anew: that is an error, and c is as it was. Otherwise c is spent, and on error nothing of it is left.
func (c *Cluster) Reset(ctx context.Context, config Config) (fresh *Cluster, err error) {
	if err := errors.Join(config.check(), c.takes(config)); err != nil {
		return nil, fmt.Errorf("reset cluster: %w", err)
	}
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return nil, errors.New("reset cluster: it is closed")
	}
	fresh, c.closed = c.successor(config), true
	defer func() {
		if err == nil {
			return
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		err, fresh = errors.Join(fmt.Errorf("reset cluster: %w", err), c.removePostgres(clean), fresh.Close(clean)), nil
	}()
	t, err := findTemplate(ctx, fresh.docker, config)
	if err != nil {
		return fresh, err
	}
	if err := fresh.replace(ctx, c, t); err != nil {
		return fresh, err
	}
	return fresh, fresh.startPostgres(ctx)
}

// takes says why a configuration needs other sandboxes than the cluster has.
func (c *Cluster) takes(config Config) error {
	if !slices.Equal(c.config.Topology.Nodes, config.Topology.Nodes) || c.config.Sandbox != config.Sandbox || c.config.Publish != config.Publish {
		return errors.New("it has other nodes, another sandbox, or is reached in another way")
	}
	if c.config.Topology.Disk != VolumeDisk || config.Topology.Disk != VolumeDisk {
		return errors.New("nodes with disks of their own are made anew")
	}
	return nil
}

// successor has the network and the sandboxes of c, and nothing else of it.
func (c *Cluster) successor(config Config) *Cluster {
	fresh := &Cluster{
		config: config, docker: c.docker, id: c.id, resets: c.resets + 1, labels: marked(config.Labels),
		subnet: c.subnet, passwords: drawPasswords(), direct: c.direct,
	}
	for _, old := range c.nodes {
		n := fresh.newNode(old.name)
		n.address, n.token, n.publishedPostgres, n.publishedAgent = old.address, old.token, old.publishedPostgres, old.publishedAgent
		fresh.nodes = append(fresh.nodes, n)
	}
	return fresh
}

// replace removes PostgreSQL's containers of the old cluster, with their volumes, while it makes its own.
func (c *Cluster) replace(ctx context.Context, old *Cluster, t template) error {
	ctx, cancel := context.WithTimeout(ctx, podsWithin)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return old.removePostgres(ctx) })
	for _, n := range c.nodes {
		group.Go(func() error { return c.startContainer(ctx, n, t) })
	}
	return group.Wait()
}

func (c *Cluster) startContainer(ctx context.Context, n *Node, t template) error {
	postgres, err := create(ctx, c.postgresRequest(n, t.reference()))
	if err != nil {
		return err
	}
	if err := postgres.Start(ctx); err != nil {
		return fmt.Errorf("container %s: %w", n.pod.postgres, err)
	}
	_, err = n.Shell(ctx, ":") // opens the shell that later calls use
	return err
}

func (c *Cluster) removePostgres(ctx context.Context) error {
	var group errgroup.Group
	for _, n := range c.nodes {
		group.Go(func() error { return n.removePostgres(ctx) })
	}
	return group.Wait()
}

// removePostgres removes all of the node but its sandbox: PostgreSQL's container, whatever runs in it, with its volumes, what ran
// beside it, and the disk.
func (n *Node) removePostgres(ctx context.Context) error {
	n.disconnect(ctx)
	var group errgroup.Group
	group.Go(func() error { return n.removeBesides(ctx) })
	group.Go(func() error {
		err := remove(ctx, n.cluster.docker, n.pod.postgres)
		if err == nil && n.DiskHolder() != "" {
			err = n.cluster.removeDisk(ctx, n)
		}
		return err
	})
	return group.Wait()
}
