package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/intent"
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
	return bindCut(ctx, r, "cut", pairUp(f.From, f.To, f.OneWay))
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
	return bindCut(ctx, r, "grudge", f.Links)
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

// boundCut is a set of links to cut, and, after Inject, a cut in effect.
type boundCut struct {
	name    string
	network *network
	links   []link
	rules   *rulework
	prober  *prober
	pairs   []link // links with All written out, that can be probed
	control []link // live before, and to stay so

	first, last time.Time // when the first and the last agent had the rules
	margin      time.Duration
	healed      time.Time
}

func bindCut(ctx context.Context, r *Runner, name string, wanted []Link) (Bound, error) {
	network := newNetwork(r.Cluster)
	links, err := resolveLinks(ctx, r.Cluster, network, wanted)
	if err != nil {
		network.close()
		return nil, err
	}
	return &boundCut{
		name: name, network: network, links: links, rules: newRulework(links, wire.Drop, nil, r.Lease, true),
	}, nil
}

func (b *boundCut) String() string { return b.name + "(" + linkNames(b.links) + ")" }

func (b *boundCut) Undo() []intent.Action { return b.rules.undo() }

// Targets are the nodes that hold rules.
func (b *boundCut) Targets() []string { return b.rules.nodes() }

// Inject first sees every link alive: a link that was dead before proves nothing.
func (b *boundCut) Inject(ctx context.Context) (Active, error) {
	if err := b.baseline(ctx); err != nil {
		return nil, errors.Join(err, b.close())
	}
	var err error
	b.first, b.last, b.margin, err = b.rules.apply(ctx)
	if err != nil {
		return b, err
	}
	return b, nil
}

func (b *boundCut) baseline(ctx context.Context) (err error) {
	if b.prober, err = newProber(ctx); err != nil {
		return err
	}
	if err := b.prober.findHome(ctx, b.network); err != nil {
		return err
	}
	pairs := b.network.pairs(b.links)
	b.pairs = slices.DeleteFunc(slices.Clone(pairs), func(l link) bool { return !b.prober.probable(l) })
	if len(b.pairs) == 0 {
		return unsupported("datagrams of the tester do not reach the nodes, so a cut from the clients cannot be proven")
	}
	_, dead, err := b.prober.passing(ctx, b.pairs, probeWithin)
	if err != nil {
		return fmt.Errorf("see the links before the cut: %w", err)
	}
	if len(dead) > 0 {
		return fmt.Errorf("nothing passed over %s before the cut: a cut would prove nothing", linkNames(dead))
	}
	others := slices.DeleteFunc(b.network.others(pairs), func(l link) bool { return !b.prober.probable(l) })
	if b.control, _, err = b.prober.passing(ctx, others, probeWithin/4); err != nil {
		return fmt.Errorf("see the other links before the cut: %w", err)
	}
	return nil
}

func (b *boundCut) close() error {
	if b.prober != nil {
		b.prober.close()
		b.prober = nil
	}
	b.network.close()
	return nil
}

// Verify sends datagrams over every link: the rules must count them and the other end must not hear them. Over the links
// that are not cut they must still come.
func (b *boundCut) Verify(ctx context.Context) (Evidence, error) {
	counted, err := b.silent(ctx)
	if err != nil {
		return Evidence{}, err
	}
	_, dead, err := b.prober.passing(ctx, b.control, probeWithin)
	if err != nil {
		return Evidence{}, fmt.Errorf("see the control: %w", err)
	}
	if len(dead) > 0 {
		return Evidence{}, fmt.Errorf("the cut reaches further than it should: nothing passes over %s", linkNames(dead))
	}
	values := map[string]string{
		"mechanism": "nftables drop", "lease": b.rules.lease.String(), "margin": b.margin.String(),
		"spread": b.last.Sub(b.first).String(),
	}
	for l, packets := range counted {
		values["dropped "+l.String()] = fmt.Sprint(packets)
	}
	control := "the agents answer on their control port, and nothing else is left open"
	if len(b.control) > 0 {
		control = "datagrams come over " + linkNames(b.control)
	}
	return Evidence{At: b.last, Effect: "no datagram comes over " + linkNames(b.pairs), Control: control, Values: values}, nil
}

// silent proves that nothing passes over the cut pairs: datagrams are sent, counted by the rules, and never heard.
func (b *boundCut) silent(ctx context.Context) (map[link]uint64, error) {
	before, err := b.rules.state(ctx)
	if err != nil {
		return nil, err
	}
	nonces := map[link]string{}
	want := maps.Clone(before)
	for _, pair := range b.pairs {
		nonces[pair] = rand.Text()
		want[b.owner(pair)] += probeCount
		if err := b.prober.send(ctx, pair, nonces[pair], probeCount); err != nil {
			return nil, err
		}
	}
	counted, err := b.counted(ctx, want)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, probeLinger); err != nil {
		return nil, err
	}
	for pair, nonce := range nonces {
		count, err := b.prober.came(ctx, pair, nonce)
		if err != nil {
			return nil, err
		}
		if count > 0 {
			return nil, fmt.Errorf("%d of %d datagrams came over %s", count, probeCount, pair)
		}
	}
	return counted, nil
}

// counted waits until every link's rules have counted what they should.
func (b *boundCut) counted(ctx context.Context, want map[link]uint64) (map[link]uint64, error) {
	deadline := time.Now().Add(probeWithin)
	for {
		counted, err := b.rules.state(ctx)
		if err != nil {
			return nil, err
		}
		var short []string
		for l, packets := range want {
			if counted[l] < packets {
				short = append(short, fmt.Sprintf("the rules for %s counted %d packets of at least %d", l, counted[l], packets))
			}
		}
		if len(short) == 0 {
			return counted, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.New(strings.Join(short, "; "))
		}
		if err := pause(ctx, probeAsk); err != nil {
			return nil, err
		}
	}
}

// owner is the link of ours that a pair belongs to.
func (b *boundCut) owner(pair link) link {
	for _, l := range b.links {
		if l == pair {
			return l
		}
	}
	for _, l := range b.links {
		if (l.from == nil && l.to == pair.to) || (l.to == nil && l.from == pair.from) {
			return l
		}
	}
	return pair
}

// Revert takes the rules away.
func (b *boundCut) Revert(ctx context.Context) error {
	at, err := b.rules.remove(ctx)
	if b.healed.IsZero() {
		b.healed = at
	}
	return err
}

// VerifyReverted sees no rule of ours and a datagram over every link.
func (b *boundCut) VerifyReverted(ctx context.Context) (Evidence, error) {
	left, err := b.rules.left(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if len(left) > 0 {
		return Evidence{}, fmt.Errorf("rules are left for %s", strings.Join(left, ", "))
	}
	_, dead, err := b.prober.passing(ctx, b.pairs, probeWithin)
	if err != nil {
		return Evidence{}, err
	}
	if len(dead) > 0 {
		return Evidence{}, fmt.Errorf("nothing passes over %s", linkNames(dead))
	}
	return Evidence{At: b.healed, Effect: "datagrams come over " + linkNames(b.pairs)}, b.close()
}

// linkNames lists links in a fixed order, both directions of a pair as one.
func linkNames(links []link) string {
	have := map[link]bool{}
	for _, l := range links {
		have[l] = true
	}
	var names []string
	for _, l := range links {
		back := link{l.to, l.from}
		switch {
		case !have[back]:
			names = append(names, l.String())
		case endName(l.from) < endName(l.to) && have[l]:
			names = append(names, endName(l.from)+" <-> "+endName(l.to))
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
