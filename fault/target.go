package fault

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Target says who is hit: a role, resolved at the moment of injection, or a node by name. The zero value is nobody.
type Target struct{ word string }

// Words of targets that are no node's name.
const (
	wordPrimary  = "primary"
	wordStandby  = "standby"
	wordStandbys = "standbys"
	wordClients  = "clients"
	wordAll      = "all"
)

// Primary is the one primary at the moment of injection.
func Primary() Target { return Target{wordPrimary} }

// Standby is the one standby at the moment of injection; several are an error that asks for Standbys or a name.
func Standby() Target { return Target{wordStandby} }

// Standbys are all standbys at the moment of injection.
func Standbys() Target { return Target{wordStandbys} }

// On is a node by its name, whatever its role.
func On(name string) Target { return Target{name} }

// Clients are whoever reaches the nodes from outside the run's network: the workload, and the tester with it. Only the
// agent's control port stays open to them. They are an end of a link, never a victim of anything else.
func Clients() Target { return Target{wordClients} }

// All is everyone other than the node at the other end of a link: nodes and clients.
func All() Target { return Target{wordAll} }

// String is the role or the name.
func (t Target) String() string {
	if t.word == "" {
		return "nobody"
	}
	return t.word
}

// outside says that the target is no node.
func (t Target) outside() bool { return t.word == wordClients || t.word == wordAll }

// Resolve asks PostgreSQL who has the role now. Nobody is ErrNoTarget.
func (t Target) Resolve(ctx context.Context, c *cluster.Cluster) ([]*cluster.Node, error) {
	switch t.word {
	case "":
		return nil, fmt.Errorf("%w: no target was given", ErrNoTarget)
	case wordPrimary:
		node, err := c.Primary(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: primary: %w", ErrNoTarget, err)
		}
		return []*cluster.Node{node}, nil
	case wordStandby, wordStandbys:
		return t.standbys(ctx, c)
	case wordClients, wordAll:
		return nil, fmt.Errorf("%w: %s is the end of a link, not a node", ErrNoTarget, t)
	}
	node, err := c.Node(t.word)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	return []*cluster.Node{node}, nil
}

func (t Target) standbys(ctx context.Context, c *cluster.Cluster) ([]*cluster.Node, error) {
	nodes, err := c.Standbys(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoTarget, t, err)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("%w: no node says that it is a standby", ErrNoTarget)
	}
	if len(nodes) > 1 && t.word == wordStandby {
		return nil, fmt.Errorf("%w: %d nodes are standbys: say standbys, or a name", ErrNoTarget, len(nodes))
	}
	return nodes, nil
}

// one resolves a target that must be a single node.
func (t Target) one(ctx context.Context, c *cluster.Cluster) (*cluster.Node, error) {
	nodes, err := t.Resolve(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(nodes) != 1 {
		names := make([]string, len(nodes))
		for i, node := range nodes {
			names[i] = node.Name()
		}
		return nil, fmt.Errorf("%w: %s is %s, and only one can be hit", ErrNoTarget, t, strings.Join(names, " and "))
	}
	return nodes[0], nil
}
