package fault

import (
	"context"
	"fmt"
	"net"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// endpoint is one end of links: a node with its agent, or the clients (no agent: the tester itself stands for them).
type endpoint struct {
	name    string
	address string
	agent   *wire.Client
}

// link is one direction between two endpoints. A nil end is everyone else.
type link struct{ from, to *endpoint }

func (l link) String() string { return endName(l.from) + " -> " + endName(l.to) }

func endName(e *endpoint) string {
	if e == nil {
		return wordAll
	}
	return e.name
}

// network is the endpoints of a cluster.
type network struct {
	nodes   map[string]*endpoint
	order   []*endpoint // the nodes, in the cluster's order
	clients *endpoint
}

func newNetwork(c *cluster.Cluster) *network {
	n := &network{nodes: map[string]*endpoint{}, clients: &endpoint{name: wordClients, address: c.Gateway()}}
	for _, node := range c.Nodes() {
		address, token := node.Agent()
		end := &endpoint{name: node.Name(), address: node.Address(), agent: wire.NewClient(address, token)}
		n.nodes[end.name] = end
		n.order = append(n.order, end)
	}
	return n
}

// close closes the connections to the agents.
func (n *network) close() {
	for _, end := range n.order {
		_ = end.agent.Close()
	}
}

// ends resolves a target to endpoints; All is a single nil.
func (n *network) ends(ctx context.Context, c *cluster.Cluster, t Target) ([]*endpoint, error) {
	switch t.word {
	case wordClients:
		return []*endpoint{n.clients}, nil
	case wordAll:
		return []*endpoint{nil}, nil
	}
	nodes, err := t.Resolve(ctx, c)
	if err != nil {
		return nil, err
	}
	ends := make([]*endpoint, len(nodes))
	for i, node := range nodes {
		ends[i] = n.nodes[node.Name()]
	}
	return ends, nil
}

// everyone are the endpoints other than one: what All means at the other end of a link.
func (n *network) everyone(but *endpoint) []*endpoint {
	var ends []*endpoint
	for _, end := range append(append([]*endpoint{}, n.order...), n.clients) {
		if end != but {
			ends = append(ends, end)
		}
	}
	return ends
}

// pairs are links with All written out.
func (n *network) pairs(links []link) []link {
	var pairs []link
	for _, l := range links {
		switch {
		case l.from == nil:
			for _, from := range n.everyone(l.to) {
				pairs = append(pairs, link{from, l.to})
			}
		case l.to == nil:
			for _, to := range n.everyone(l.from) {
				pairs = append(pairs, link{l.from, to})
			}
		default:
			pairs = append(pairs, l)
		}
	}
	return pairs
}

// others are the pairs that share an end with pairs and are not among them: the control.
func (n *network) others(pairs []link) []link {
	covered := map[link]bool{}
	touched := map[*endpoint]bool{}
	for _, pair := range pairs {
		covered[pair], touched[pair.from], touched[pair.to] = true, true, true
	}
	var others []link
	all := n.everyone(nil)
	for _, from := range all {
		for _, to := range all {
			if from != to && (touched[from] || touched[to]) && !covered[link{from, to}] {
				others = append(others, link{from, to})
			}
		}
	}
	return others
}

// probeAddress is where an endpoint's agent hears datagrams.
func (e *endpoint) probeAddress() string { return net.JoinHostPort(e.address, fmt.Sprint(wire.Port)) }
