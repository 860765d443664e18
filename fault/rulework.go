package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/intent"
)

// rulework is a set of rules at the agents that belong to one fault: it applies, renews, counts and removes them.
type rulework struct {
	rules map[*endpoint][]wire.Rule
	owner map[string]link // rule's id -> the link it is for
	lease time.Duration

	mu     sync.Mutex
	lapsed []string // leases that ran out although the fault was meant to be in effect
	stop   context.CancelFunc
	done   chan struct{}
}

// ends says at which end of a link its rule is.
type ends int

const (
	bothEnds  ends = iota // each alone would do: a fault must not depend on one agent
	oneSender             // at the sender, or, where that has no agent, at the receiver
	oneTaker              // at the receiver, or, where that has no agent, at the sender
)

// newRulework plans the rules of links: at the sender for what goes out, at the receiver for what comes in.
func newRulework(links []link, like wire.Rule, lease time.Duration, at ends) *rulework {
	w := &rulework{rules: map[*endpoint][]wire.Rule{}, owner: map[string]link{}, lease: lease}
	prefix := "f" + strings.ToLower(rand.Text()[:12])
	add := func(l link, at, peer *endpoint, direction wire.Direction) {
		rule := like
		rule.ID, rule.Direction, rule.LeaseMillis = fmt.Sprintf("%s-%d", prefix, len(w.owner)), direction, lease.Milliseconds()
		if peer != nil {
			rule.Peers = []string{peer.address}
		}
		w.rules[at] = append(w.rules[at], rule)
		w.owner[rule.ID] = l
	}
	for _, l := range links {
		sender := l.from != nil && l.from.agent != nil
		receiver := l.to != nil && l.to.agent != nil
		if sender && (at != oneTaker || !receiver) {
			add(l, l.from, l.to, wire.Out)
		}
		if receiver && (at != oneSender || !sender) {
			add(l, l.to, l.from, wire.In)
		}
	}
	return w
}

// undo is the removal of the rules as plain data.
func (w *rulework) undo() []intent.Action {
	var actions []intent.Action
	for end, rules := range w.rules {
		address, token := end.agent.Address(), end.agent.Token()
		actions = append(actions, intent.Action{Kind: intent.AgentRemove, Node: end.name, Agent: address, Token: token, IDs: ids(rules)})
	}
	return actions
}

// nodes are the names of the nodes that hold rules.
func (w *rulework) nodes() []string {
	var names []string
	for end := range w.rules {
		names = append(names, end.name)
	}
	slices.Sort(names)
	return names
}

// apply puts all rules in force, at all agents at the same time, and keeps their leases. It returns when the first and
// when the last of the agents had them, and the margin of error of these moments.
func (w *rulework) apply(ctx context.Context) (first, last time.Time, margin time.Duration, err error) {
	timings, err := w.each(ctx, func(end *endpoint) wire.Request {
		return wire.Request{Do: wire.Apply, Rules: w.rules[end]}
	})
	if err != nil {
		return first, last, 0, err
	}
	for _, timing := range timings {
		at := timing.Effect()
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
		margin = max(margin, timing.Margin())
	}
	w.keep(ctx)
	return first, last, margin, nil
}

// keep renews the leases until release.
func (w *rulework) keep(ctx context.Context) {
	ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		tick := time.NewTicker(w.lease / 5)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.renew(ctx)
			}
		}
	}()
}

func (w *rulework) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, w.lease/5)
	defer cancel()
	timings, _ := w.each(ctx, func(end *endpoint) wire.Request {
		return wire.Request{Do: wire.Renew, IDs: ids(w.rules[end]), LeaseMillis: w.lease.Milliseconds()}
	}) // a renewal that fails is tried again; if it never succeeds the lease runs out, and check sees that
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, timing := range timings {
		w.lapsed = append(w.lapsed, timing.Reply.Lapsed...)
	}
}

// release stops renewing.
func (w *rulework) release() {
	if w.stop != nil {
		w.stop()
		<-w.done
	}
}

// remove takes all rules away. It returns when the first agent had done so: from then on the fault is no longer whole.
// An agent that cannot be reached until its rules' leases have run out has none in force: that is success too.
func (w *rulework) remove(ctx context.Context) (first time.Time, err error) {
	w.release()
	timings, err := w.each(ctx, func(end *endpoint) wire.Request {
		return wire.Request{Do: wire.Remove, IDs: ids(w.rules[end])}
	})
	for _, timing := range timings {
		if at := timing.Effect(); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first, err
}

// state reads the rules back: how many packets each link's rules have counted. A rule that is missing, or whose lease ran
// out, now or before, is an error that names it.
func (w *rulework) state(ctx context.Context) (map[link]uint64, error) {
	timings, err := w.each(ctx, func(*endpoint) wire.Request { return wire.Request{Do: wire.State} })
	if err != nil {
		return nil, err
	}
	counted := map[link]uint64{}
	inForce := map[string]bool{}
	for _, timing := range timings {
		for _, state := range timing.Reply.Rules {
			if l, ours := w.owner[state.ID]; ours {
				counted[l] += state.Packets
				inForce[state.ID] = state.LeftMillis > 0
			}
		}
	}
	var errs []error
	for end, rules := range w.rules {
		for _, rule := range rules {
			if running, there := inForce[rule.ID]; !there {
				errs = append(errs, fmt.Errorf("the rule for %s at %s is gone", w.owner[rule.ID], end.name))
			} else if !running {
				errs = append(errs, fmt.Errorf("the lease for %s at %s has run out", w.owner[rule.ID], end.name))
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.lapsed {
		errs = append(errs, fmt.Errorf("the lease for %s ran out for a while", w.owner[id]))
	}
	return counted, errors.Join(errs...)
}

// left are rules of ours that agents still have.
func (w *rulework) left(ctx context.Context) ([]string, error) {
	timings, err := w.each(ctx, func(*endpoint) wire.Request { return wire.Request{Do: wire.State} })
	if err != nil {
		return nil, err
	}
	var left []string
	for _, timing := range timings {
		for _, state := range timing.Reply.Rules {
			if l, ours := w.owner[state.ID]; ours {
				left = append(left, l.String())
			}
		}
	}
	return left, nil
}

// each asks all agents at the same time. It returns the timings of those that answered and the joined errors of the rest.
func (w *rulework) each(ctx context.Context, request func(*endpoint) wire.Request) ([]wire.Timing, error) {
	type answer struct {
		timing wire.Timing
		err    error
	}
	answers := make(chan answer, len(w.rules))
	for end := range w.rules {
		go func() {
			timing, err := end.agent.Do(ctx, request(end))
			if err != nil {
				err = fmt.Errorf("%s: %w", end.name, err)
			}
			answers <- answer{timing, err}
		}()
	}
	var timings []wire.Timing
	var errs []error
	for range w.rules {
		got := <-answers
		if got.err != nil {
			errs = append(errs, got.err)
		} else {
			timings = append(timings, got.timing)
		}
	}
	return timings, errors.Join(errs...)
}

func ids(rules []wire.Rule) []string {
	names := make([]string, len(rules))
	for i, rule := range rules {
		names[i] = rule.ID
	}
	return names
}
