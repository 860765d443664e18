package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/intent"
)

// linkKind is what a network fault does to its links.
type linkKind struct {
	name      string
	detail    string // after the links, in the name: "100ms"
	mechanism string
	rule      wire.Rule // its action and what it matches; peers, direction and lease are filled in
	at        ends
	proof     proof
}

// proof is how a kind of network fault is seen from outside.
type proof interface {
	// before looks at the links when they are still whole: what cannot be told apart from the fault is an error.
	before(ctx context.Context, b *linkFault) error
	// bites sees the effect on every pair.
	bites(ctx context.Context, b *linkFault) (effect string, err error)
	// whole sees that the effect is gone from every pair.
	whole(ctx context.Context, b *linkFault) (effect string, err error)
}

// linkFault is a set of links to make worse, and, after Inject, made worse.
type linkFault struct {
	kind    linkKind
	network *network
	links   []link
	rules   *rulework
	prober  *prober
	pairs   []link // links with All written out, that can be probed
	control []link // live before, and to stay so
	hits    *hits  // of all faults in effect
	hit     []link // what this one has hit

	first, last time.Time // when the first and the last agent had the rules
	margin      time.Duration
	healed      time.Time
}

func bindLinks(ctx context.Context, r *Runner, wanted []Link, kind linkKind) (Bound, error) {
	network := newNetwork(r.Cluster)
	links, err := resolveLinks(ctx, r.Cluster, network, wanted)
	if err != nil {
		network.close()
		return nil, err
	}
	rules := newRulework(links, kind.rule, r.Lease, kind.at)
	return &linkFault{kind: kind, network: network, links: links, rules: rules, hits: r.hits}, nil
}

func (b *linkFault) String() string {
	return b.kind.name + "(" + linkNames(b.links) + b.kind.detail + ")"
}

func (b *linkFault) Undo() []intent.Action { return b.rules.undo() }

// Targets are the nodes that hold rules.
func (b *linkFault) Targets() []string { return b.rules.nodes() }

// Inject first sees every link alive: a link that was dead before proves nothing.
func (b *linkFault) Inject(ctx context.Context) (Active, error) {
	err := b.baseline(ctx)
	if err == nil {
		err = b.kind.proof.before(ctx, b)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	b.hit = b.network.pairs(b.links)
	b.hits.add(b.hit, 1)
	b.first, b.last, b.margin, err = b.rules.apply(ctx)
	return b, err
}

func (b *linkFault) baseline(ctx context.Context) (err error) {
	if b.prober, err = newProber(ctx); err != nil {
		return err
	}
	if err := b.prober.findHome(ctx, b.network); err != nil {
		return err
	}
	pairs := b.network.pairs(b.links)
	b.pairs = slices.DeleteFunc(slices.Clone(pairs), func(l link) bool { return !b.prober.probable(l) })
	if len(b.pairs) == 0 {
		return unsupported("datagrams of the tester do not reach the nodes, so a fault of their links cannot be proven")
	}
	_, dead, err := b.prober.passing(ctx, b.pairs, probeWithin)
	if err != nil {
		return fmt.Errorf("see the links before the fault: %w", err)
	}
	if len(dead) > 0 {
		return fmt.Errorf("nothing passed over %s before the fault: it would prove nothing", linkNames(dead))
	}
	others := slices.DeleteFunc(b.network.others(pairs), func(l link) bool { return !b.prober.probable(l) })
	if b.control, _, err = b.prober.passing(ctx, others, probeWithin/4); err != nil {
		return fmt.Errorf("see the other links before the fault: %w", err)
	}
	return nil
}

func (b *linkFault) close() {
	if b.prober != nil {
		b.prober.close()
		b.prober = nil
	}
	b.network.close()
}

// Verify sees the effect on every link, and that datagrams still come over the links that are not hit.
func (b *linkFault) Verify(ctx context.Context) (Evidence, error) {
	effect, err := b.kind.proof.bites(ctx, b)
	if err != nil {
		return Evidence{}, err
	}
	counted, err := b.rules.state(ctx)
	if err != nil {
		return Evidence{}, err
	}
	live, dead, err := b.prober.passing(ctx, b.hits.spared(b.control), probeWithin)
	if err != nil {
		return Evidence{}, fmt.Errorf("see the control: %w", err)
	}
	if dead = b.hits.spared(dead); len(dead) > 0 { // another fault may have come meanwhile
		return Evidence{}, fmt.Errorf("the fault reaches further than it should: nothing passes over %s", linkNames(dead))
	}
	values := map[string]string{
		"mechanism": b.kind.mechanism, "lease": b.rules.lease.String(), "margin": b.margin.String(),
		"spread": b.last.Sub(b.first).String(),
	}
	for l, packets := range counted {
		values["counted "+l.String()] = fmt.Sprint(packets)
	}
	control := "the agents answer on their control port, and nothing else is left open"
	if len(live) > 0 {
		control = "datagrams come over " + linkNames(live)
	}
	return Evidence{At: b.last, Effect: effect, Control: control, Values: values}, nil
}

// Revert takes the rules away.
func (b *linkFault) Revert(ctx context.Context) error {
	at, err := b.rules.remove(ctx)
	if err == nil {
		b.hits.add(b.hit, -1)
		b.hit = nil
	}
	if b.healed.IsZero() {
		b.healed = at
	}
	return err
}

// VerifyReverted sees no rule of ours, a datagram over every link, and no effect.
func (b *linkFault) VerifyReverted(ctx context.Context) (Evidence, error) {
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
	effect, err := b.kind.proof.whole(ctx, b)
	if err != nil {
		return Evidence{}, err
	}
	b.close()
	return Evidence{At: b.healed, Effect: effect}, nil
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
