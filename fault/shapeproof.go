package fault

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// shapeProof measures links with datagrams, one way at a time, before, during and after.
type shapeProof struct {
	want Worse
	was  map[link]measured
}

// measured is what became of a volley of datagrams.
type measured struct {
	sent, came, late int
	first, all       time.Duration // until the first and the last that came was there
}

// Of a volley.
const (
	volley     = 200                    // datagrams
	settleTime = 500 * time.Millisecond // without a further arrival, after the longest delay: no more come, on a busy machine too
)

// volleyOf is how many datagrams of which size show the effect: of a bandwidth, so many that they take a third of a second.
func (f Worse) volleyOf() (count, size int) {
	if f.Rate == 0 {
		return volley, 0
	}
	size = wire.MaxDatagram
	return min(1000, max(5, int(float64(f.Rate)/3/float64(size)))), size
}

func (p *shapeProof) before(ctx context.Context, b *linkFault) error {
	p.was = map[link]measured{}
	for _, pair := range b.pairs {
		m, err := p.measure(ctx, b, pair, volley, 0)
		if err != nil {
			return err
		}
		if m.came < m.sent*9/10 || m.came > m.sent {
			return fmt.Errorf("%d of %d datagrams came over %s before the fault: it would prove nothing", m.came, m.sent, pair)
		}
		p.was[pair] = m
	}
	return nil
}

func (p *shapeProof) bites(ctx context.Context, b *linkFault) (string, error) {
	if _, err := b.rules.state(ctx); err != nil {
		return "", err
	}
	var seen []string
	count, size := p.want.volleyOf()
	for _, pair := range b.pairs {
		m, err := p.measure(ctx, b, pair, count, size)
		if err != nil {
			return "", err
		}
		if err := p.want.shows(m, size); err != nil {
			return "", fmt.Errorf("%s: %w", pair, err)
		}
		seen = append(seen, fmt.Sprintf("%s: %d of %d datagrams came, %d late, the first after %s, the last after %s",
			pair, m.came, m.sent, m.late, m.first.Round(time.Microsecond), m.all.Round(time.Microsecond)))
	}
	return strings.Join(seen, "; "), nil
}

// shows says what of the effect cannot be seen in a volley. Bounds are five standard deviations wide.
func (f Worse) shows(m measured, size int) error {
	n := float64(m.sent)
	spread := func(share float64) float64 { return 5 * math.Sqrt(share*(1-share)/n) }
	kept := float64(m.came) / n
	if low, high := (1-f.Loss-spread(f.Loss))*(1-0.001), (1-f.Loss+spread(f.Loss))*(1+f.Duplicate+spread(f.Duplicate)); kept < low || kept > high {
		return fmt.Errorf("%d of %d datagrams came, of which %v should have been lost and %v doubled", m.came, m.sent, f.Loss, f.Duplicate)
	}
	if f.Loss >= 0.05 && f.Duplicate == 0 && m.came == m.sent {
		return fmt.Errorf("no datagram of %d was lost", m.sent)
	}
	if f.Duplicate >= 0.05 && f.Loss == 0 && m.came <= m.sent {
		return fmt.Errorf("no datagram of %d came twice", m.sent)
	}
	if f.Reorder >= 0.05 && m.late == 0 && m.came > 0 {
		return fmt.Errorf("no datagram of %d overtook another", m.sent)
	}
	if least := f.Delay - f.Jitter; f.Reorder == 0 && m.came > 0 && m.first < least {
		return fmt.Errorf("a datagram came after %s, of at least %s", m.first, least)
	}
	bytes := float64(m.came) * float64(size+28)
	if f.Rate > 0 && m.came > 0 && m.all.Seconds() < 0.8*bytes/float64(f.Rate) {
		return fmt.Errorf("%.0f bytes came in %s, of at most %d bytes/s", bytes, m.all, f.Rate)
	}
	return nil
}

// wholeAgain bounds how long a link that is whole may seem not to be, on a machine that is busy.
const wholeAgain = 20 * time.Second

// whole measures again, until each link is as it was: one slow answer on a busy machine is no delay.
func (p *shapeProof) whole(ctx context.Context, b *linkFault) (string, error) {
	deadline := time.Now().Add(wholeAgain)
	for _, pair := range b.pairs {
		for {
			m, err := p.measure(ctx, b, pair, volley, 0)
			if err != nil {
				return "", err
			}
			left := p.want.left(m)
			if left == nil {
				break
			}
			if time.Now().After(deadline) || ctx.Err() != nil {
				return "", fmt.Errorf("%s: %w", pair, left)
			}
		}
	}
	return "datagrams come over " + linkNames(b.pairs) + " as before", nil
}

// left says what of the effect can still be seen in a volley: nine tenths of it must come, once each, and sooner than the delay.
func (f Worse) left(m measured) error {
	if m.came < m.sent*9/10 || m.came > m.sent {
		return fmt.Errorf("%d of %d datagrams come", m.came, m.sent)
	}
	if least := f.Delay - f.Jitter; least > 20*time.Millisecond && m.first >= least {
		return fmt.Errorf("the first datagram still takes %s", m.first)
	}
	return nil
}

// inLine is how much longer the next datagram may take because other traffic stands in the same line of a thin link: the first one has all of
// that before it, which may be what TCP had sent for seconds.
func (p *shapeProof) inLine(m measured) time.Duration {
	switch {
	case p.want.Rate == 0:
		return 0
	case m.came == 0:
		return 10 * time.Second
	}
	return time.Second / 2
}

// measure sends a volley over a link and waits until no more of it comes.
func (p *shapeProof) measure(ctx context.Context, b *linkFault, l link, count, size int) (measured, error) {
	m := measured{sent: count}
	nonce := rand.Text()
	began := time.Now()
	if err := b.prober.send(ctx, l, nonce, count, size); err != nil {
		return m, err
	}
	quiet := p.want.Delay + p.want.Jitter + settleTime
	last := time.Now()
	for time.Since(last) < quiet+p.inLine(m) && (m.came < count || p.want.Duplicate > 0) {
		came, late, err := b.prober.came(ctx, l, nonce)
		if err != nil {
			return m, err
		}
		if came > m.came {
			last = time.Now()
			if m.came == 0 {
				m.first = last.Sub(began)
			}
			m.came, m.late, m.all = came, late, last.Sub(began)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return m, err
		}
	}
	return m, nil
}
