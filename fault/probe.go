package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// prober sends datagrams over links and asks the other end whether they came. A datagram goes one way only, so, unlike a
// connection attempt, it tells the two directions of a link apart; and it does not depend on PostgreSQL being alive.
type prober struct {
	socket net.PacketConn // of the tester: the clients' end of links
	home   string         // where agents see that socket, once one has heard of it
	mu     sync.Mutex
	heard  map[string]*wire.Arrivals
	done   chan struct{}
}

// Times of probing.
const (
	probeEvery  = 100 * time.Millisecond // between datagrams that have not come yet
	probeAsk    = 5 * time.Millisecond   // between questions whether they came
	probeWithin = 2 * time.Second        // until a datagram that should come has come
	probeLinger = 50 * time.Millisecond  // after which a datagram that was counted by a rule would have come if it passed
	probeCount  = 3                      // datagrams a probe
)

func newProber(ctx context.Context) (*prober, error) {
	var listen net.ListenConfig
	socket, err := listen.ListenPacket(ctx, "udp4", ":0")
	if err != nil {
		return nil, fmt.Errorf("open probing socket: %w", err)
	}
	p := &prober{socket: socket, heard: map[string]*wire.Arrivals{}, done: make(chan struct{})}
	go p.listen()
	return p, nil
}

func (p *prober) listen() {
	defer close(p.done)
	buffer := make([]byte, 2048)
	for {
		n, _, err := p.socket.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if nonce, number, ok := wire.ReadDatagram(buffer[:n]); err == nil && ok {
			p.count(nonce, number)
		}
	}
}

func (p *prober) count(nonce string, number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heard[nonce] == nil {
		p.heard[nonce] = &wire.Arrivals{}
	}
	p.heard[nonce].Add(number)
}

func (p *prober) close() {
	_ = p.socket.Close()
	<-p.done
}

// send sends datagrams over a link; what a rule at the sender says of them is not an error.
func (p *prober) send(ctx context.Context, l link, nonce string, count, size int) error {
	if l.from.agent == nil {
		to, err := net.ResolveUDPAddr("udp4", l.to.probeAddress())
		if err != nil {
			return fmt.Errorf("probe %s: %w", l, err)
		}
		for number := range count {
			if _, err := p.socket.WriteTo(wire.Datagram(nonce, number, size), to); err != nil {
				return fmt.Errorf("probe %s: %w", l, err)
			}
		}
		return nil
	}
	to := p.home
	if l.to.agent != nil {
		to = l.to.probeAddress()
	}
	_, err := l.from.agent.Do(ctx, wire.Request{Do: wire.Send, Nonce: nonce, To: to, Count: count, Size: size})
	return err
}

// came says how many datagrams with a nonce have come over a link, and how many of them late.
func (p *prober) came(ctx context.Context, l link, nonce string) (count, late int, err error) {
	if l.to.agent == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if arrivals := p.heard[nonce]; arrivals != nil {
			return arrivals.Count, arrivals.Late, nil
		}
		return 0, 0, nil
	}
	timing, err := l.to.agent.Do(ctx, wire.Request{Do: wire.Heard, Nonce: nonce})
	if err != nil {
		return 0, 0, err
	}
	return timing.Reply.Heard, timing.Reply.Late, nil
}

// findHome learns from an agent under which address the tester's socket is seen; until then nothing can be sent to the clients.
func (p *prober) findHome(ctx context.Context, n *network) error {
	for _, end := range n.order {
		nonce := rand.Text()
		arrived, err := p.passes(ctx, link{n.clients, end}, nonce, probeWithin/4)
		if err != nil || !arrived {
			continue
		}
		timing, err := end.agent.Do(ctx, wire.Request{Do: wire.Heard, Nonce: nonce})
		if err != nil {
			return err
		}
		if _, err := netip.ParseAddrPort(timing.Reply.From); err != nil {
			return fmt.Errorf("probe: %s saw the tester at %q: %w", end.name, timing.Reply.From, err)
		}
		p.home = timing.Reply.From
		return nil
	}
	return nil
}

// probable says whether the link can be probed at all from here.
func (p *prober) probable(l link) bool {
	return p.home != "" || (l.from.agent != nil && l.to.agent != nil)
}

// passes says whether a datagram comes over the link within a time; it is sent again and again until then.
func (p *prober) passes(ctx context.Context, l link, nonce string, within time.Duration) (bool, error) {
	deadline := time.Now().Add(within)
	var sent time.Time
	for {
		if time.Since(sent) >= probeEvery {
			sent = time.Now()
			if err := p.send(ctx, l, nonce, 1, 0); err != nil {
				return false, err
			}
		}
		count, _, err := p.came(ctx, l, nonce)
		if err != nil || count > 0 {
			return count > 0, err
		}
		if time.Now().After(deadline) {
			return false, nil
		}
		if err := pause(ctx, probeAsk); err != nil {
			return false, err
		}
	}
}

// passing are those of the links over which datagrams come, and those over which none does.
func (p *prober) passing(ctx context.Context, links []link, within time.Duration) (live, dead []link, err error) {
	for _, l := range links {
		passes, err := p.passes(ctx, l, rand.Text(), within)
		if err != nil {
			return nil, nil, err
		}
		if passes {
			live = append(live, l)
		} else {
			dead = append(dead, l)
		}
	}
	return live, dead, nil
}

// pause waits for a while or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
