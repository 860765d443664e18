package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Refuse answers every TCP packet from From to To with RST, and lets no connection of From to To be made.
//
// It imitates a firewall that rejects, a load balancer without a backend, a port that nobody listens at: existing connections break
// at once at From's end, new ones are refused. To's end of an existing connection hears nothing: that From knows no such
// connection any more is among what is refused. So a primary that refuses its standby goes on calling it streaming.
//
// Mechanism: nftables reject with tcp reset, at the receiver. To must be a node. It heals as Cut does.
type Refuse struct{ From, To Target }

// String is "refuse(primary -> standby)".
func (f Refuse) String() string { return fmt.Sprintf("refuse(%s -> %s)", f.From, f.To) }

// Supported asks the agents.
func (f Refuse) Supported(ctx context.Context, c *cluster.Cluster) error {
	return agentsCan(ctx, c, "nftables-reject")
}

// Bind resolves both ends.
func (f Refuse) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if f.To.outside() {
		return nil, fmt.Errorf("%w: only a node can refuse, not %s", ErrNoTarget, f.To)
	}
	return bindLinks(ctx, r, pairUp(f.From, f.To, true), linkKind{
		name: "refuse", mechanism: "nftables reject with tcp reset", at: oneTaker,
		rule: wire.Rule{Action: wire.Reset}, proof: knockProof{want: "refused"},
	})
}

// Footprint is that of both directions: what is refused is seen only if the refusal comes back.
func (f Refuse) Footprint() Footprint { return linkFootprint(pairUp(f.From, f.To, false), true) }

// HalfOpen lets connections be made and nothing be said: TCP segments with data vanish in both directions, handshakes and
// acknowledgements pass.
//
// It imitates a dead process behind a living kernel or load balancer, a path whose larger packets are lost, a half-open
// connection: whoever only connects to see whether the other is alive is fooled.
//
// Mechanism: nftables drops TCP segments with the flag PSH, which the last segment of each write carries. Of a write that
// takes several segments the first ones come. It heals as Cut does.
type HalfOpen struct{ From, To Target }

// String is "half-open(primary <-> standby)".
func (f HalfOpen) String() string { return fmt.Sprintf("half-open(%s <-> %s)", f.From, f.To) }

// Supported asks the agents.
func (f HalfOpen) Supported(ctx context.Context, c *cluster.Cluster) error {
	return agentsCan(ctx, c, "nftables-drop")
}

// Bind resolves both ends.
func (f HalfOpen) Bind(ctx context.Context, r *Runner) (Bound, error) {
	return bindLinks(ctx, r, pairUp(f.From, f.To, false), linkKind{
		name: "half-open", mechanism: "nftables drop of TCP segments with data", at: bothEnds,
		rule: wire.Rule{Action: wire.Drop, Data: true}, proof: knockProof{want: "silent"},
	})
}

// Footprint is that of both directions.
func (f HalfOpen) Footprint() Footprint { return linkFootprint(pairUp(f.From, f.To, false), true) }

// knockProof tries connections over the links and says something on each. At another node it talks to the agent; clients talk to
// PostgreSQL, because the agent's port is never cut from them. Links to clients are seen by their other direction.
type knockProof struct{ want string }

const knockWait = 400 * time.Millisecond

// sslRequest is what PostgreSQL answers with one byte before any authentication (documentation, "SSL Session Encryption").
const sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"

func (p knockProof) before(ctx context.Context, b *linkFault) error { return p.all(ctx, b, "answered") }

func (p knockProof) bites(ctx context.Context, b *linkFault) (string, error) {
	if _, err := b.rules.state(ctx); err != nil {
		return "", err
	}
	return "a connection over " + linkNames(b.pairs) + " is " + p.want, p.all(ctx, b, p.want)
}

func (p knockProof) whole(ctx context.Context, b *linkFault) (string, error) {
	return "a connection over " + linkNames(b.pairs) + " is answered", p.all(ctx, b, "answered")
}

// all wants one outcome of every link that can be tried; none is an error.
func (p knockProof) all(ctx context.Context, b *linkFault, want string) error {
	tried := 0
	for _, l := range b.pairs {
		if l.to.agent == nil {
			continue
		}
		tried++
		outcome, err := p.settled(ctx, l, want)
		if err != nil {
			return err
		}
		if outcome != want {
			return fmt.Errorf("a connection over %s is %s, not %s", l, outcome, want)
		}
	}
	if tried == 0 {
		return errors.New("no connection can be tried over " + linkNames(b.pairs))
	}
	return nil
}

// settled tries until the outcome is the wanted one, or for a few times.
func (p knockProof) settled(ctx context.Context, l link, want string) (outcome string, err error) {
	for range 5 {
		if outcome, err = knockOver(ctx, l); err != nil || outcome == want {
			return outcome, err
		}
	}
	return outcome, nil
}

func knockOver(ctx context.Context, l link) (string, error) {
	if l.from.agent == nil {
		return knockFromHere(ctx, net.JoinHostPort(l.to.address, postgresPort)), nil
	}
	timing, err := l.from.agent.Do(ctx, wire.Request{
		Do: wire.Dial, To: l.to.probeAddress(), Say: "{}\n", WaitMillis: knockWait.Milliseconds(),
	})
	if err != nil {
		return "", err
	}
	return timing.Reply.Outcome, nil
}

// knockFromHere is what the agent does with Dial, from the tester.
func knockFromHere(ctx context.Context, to string) string {
	dialer := net.Dialer{Timeout: knockWait}
	conn, err := dialer.DialContext(ctx, "tcp", to)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(knockWait))
	if _, err := conn.Write([]byte(sslRequest)); err != nil {
		return err.Error()
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return "silent"
	}
	return "answered"
}
