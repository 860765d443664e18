package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// askWithin is how long one node may take to say its role: one that is cut off or frozen does not hold the others up.
const askWithin = 3 * time.Second

// roles asks every node at once. A node that does not answer has an error instead.
func (c *Cluster) roles(ctx context.Context) ([]Role, []error) {
	roles, errs := make([]Role, len(c.nodes)), make([]error, len(c.nodes))
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var group sync.WaitGroup
	for i, n := range c.nodes {
		group.Go(func() { roles[i], errs[i] = n.Role(ctx) })
	}
	group.Wait()
	return roles, errs
}

func (c *Cluster) withRole(ctx context.Context, role Role) (found []*Node, answers []error) {
	roles, errs := c.roles(ctx)
	for i, n := range c.nodes {
		if errs[i] == nil && roles[i] == role {
			found = append(found, n)
		}
	}
	return found, errs
}

// Primaries asks every node and returns those that say they are a primary: none, one, or two, and two is a finding.
// A node that does not answer is none. It is an error only if ctx has ended.
func (c *Cluster) Primaries(ctx context.Context) ([]*Node, error) {
	found, _ := c.withRole(ctx, Primary)
	return found, ctx.Err()
}

// Primary is the one primary; none or several is an error that names them.
func (c *Cluster) Primary(ctx context.Context) (*Node, error) {
	found, errs := c.withRole(ctx, Primary)
	if len(found) == 1 {
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, n := range found {
		names[i] = n.name
	}
	if len(found) == 0 {
		return nil, errors.Join(append(errs, errors.New("no node says it is the primary"))...)
	}
	return nil, fmt.Errorf("%d nodes say they are the primary: %s", len(found), strings.Join(names, ", "))
}

// Standbys are the nodes that answer and say they are in recovery.
func (c *Cluster) Standbys(ctx context.Context) ([]*Node, error) {
	found, _ := c.withRole(ctx, Standby)
	return found, ctx.Err()
}
