package fault

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Cut drops every packet between two ends, in both directions or, OneWay, only those that From sends to To.
//
// It imitates a pulled cable, a dead switch, a firewall rule gone wrong: existing connections hang, new ones time out, and
// nobody is told. A link to Clients is cut for the workload, the sampler and the harness's own SQL alike.
//
// Mechanism: nftables in the sandboxes of both ends, which drop what goes out to and comes in from the other end's address.
// It needs NET_ADMIN in the sandbox, which every node has. It does not touch the host's firewall, and it leaves the agent's
// control connections from the tester open.
//
// It heals by Revert, and by itself when the rules' leases run out (Runner.Lease after the tester died). Connections that
// hung resume only with TCP's next retransmission: seconds after a short cut, up to two minutes after a long one.
type Cut struct {
	From, To Target
	OneWay   bool
}

// String is "cut(primary <-> standby)" or, one-way, "cut(primary -> standby)".
func (f Cut) String() string { return fmt.Sprintf("cut(%s %s %s)", f.From, arrow(f.OneWay), f.To) }

// Supported asks the agents.
func (f Cut) Supported(ctx context.Context, c *cluster.Cluster) error {
	return agentsCan(ctx, c, "nftables-drop")
}

// Bind resolves both ends.
func (f Cut) Bind(ctx context.Context, r *Runner) (Bound, error) {
	return bindLinks(ctx, r, pairUp(f.From, f.To, f.OneWay), cutting("cut"))
}

// Isolate cuts a node from everyone: its peers and the clients.
func Isolate(t Target) Cut { return Cut{From: t, To: All()} }

// Link is one direction of a grudge.
type Link struct{ From, To Target }

// Grudge drops every packet on a set of directed links: any partition of any number of nodes. See Cut for all else.
type Grudge struct{ Links []Link }

// String lists the links.
func (f Grudge) String() string {
	words := make([]string, len(f.Links))
	for i, l := range f.Links {
		words[i] = fmt.Sprintf("%s -> %s", l.From, l.To)
	}
	return "grudge(" + strings.Join(words, ", ") + ")"
}

// Supported asks the agents.
func (f Grudge) Supported(ctx context.Context, c *cluster.Cluster) error {
	return agentsCan(ctx, c, "nftables-drop")
}

// Bind resolves all ends.
func (f Grudge) Bind(ctx context.Context, r *Runner) (Bound, error) {
	return bindLinks(ctx, r, f.Links, cutting("grudge"))
}

func arrow(oneWay bool) string {
	if oneWay {
		return "->"
	}
	return "<->"
}

func pairUp(from, to Target, oneWay bool) []Link {
	links := []Link{{from, to}}
	if !oneWay {
		links = append(links, Link{to, from})
	}
	return links
}

// agentsCan asks every node's agent whether its kernel has a mechanism.
func agentsCan(ctx context.Context, c *cluster.Cluster, mechanism string) error {
	network := newNetwork(c)
	defer network.close()
	for _, end := range network.order {
		timing, err := end.agent.Do(ctx, wire.Request{Do: wire.Probe})
		if err != nil {
			return err
		}
		reason, known := timing.Reply.Can[mechanism]
		if !known {
			return unsupported("the agent of %s does not know %s", end.name, mechanism)
		}
		if reason != "" {
			return unsupported("%s on %s: %s", mechanism, end.name, reason)
		}
	}
	return nil
}

// resolveLinks asks who the ends are. A link of an end with itself is left out; no link at all is ErrNoTarget.
func resolveLinks(ctx context.Context, c *cluster.Cluster, n *network, wanted []Link) ([]link, error) {
	var links []link
	seen := map[link]bool{}
	for _, want := range wanted {
		from, err := n.ends(ctx, c, want.From)
		if err != nil {
			return nil, err
		}
		to, err := n.ends(ctx, c, want.To)
		if err != nil {
			return nil, err
		}
		for _, a := range from {
			for _, b := range to {
				outside := (a == nil || a.agent == nil) && (b == nil || b.agent == nil)
				if l := (link{a, b}); a != b && !outside && !seen[l] {
					seen[l] = true
					links = append(links, l)
				}
			}
		}
	}
	if len(links) == 0 {
		return nil, fmt.Errorf("%w: no link between two different ends, one of them a node", ErrNoTarget)
	}
	return links, nil
}

func cutting(name string) linkKind {
	return linkKind{name: name, mechanism: "nftables drop", rule: wire.Rule{Action: wire.Drop}, at: bothEnds, proof: dropProof{}}
}
