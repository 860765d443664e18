package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// dropProof sees that nothing passes. It depends on nothing that was before: the baseline has seen the links alive.
type dropProof struct{}

func (dropProof) before(context.Context, *linkFault) error { return nil }

func (dropProof) bites(ctx context.Context, b *linkFault) (string, error) {
	_, err := b.silent(ctx)
	return "no datagram comes over " + linkNames(b.pairs), err
}

// whole has nothing to add: VerifyReverted has seen datagrams pass.
func (dropProof) whole(_ context.Context, b *linkFault) (string, error) {
	return "datagrams come over " + linkNames(b.pairs), nil
}

// silent proves that nothing passes over the cut pairs: datagrams are sent, counted by the rules, and never heard.
func (b *linkFault) silent(ctx context.Context) (map[link]uint64, error) {
	before, err := b.rules.state(ctx)
	if err != nil {
		return nil, err
	}
	nonces := map[link]string{}
	want := maps.Clone(before)
	for _, pair := range b.pairs {
		nonces[pair] = rand.Text()
		want[b.owner(pair)] += probeCount
		if err := b.prober.send(ctx, pair, nonces[pair], probeCount, 0); err != nil {
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
		count, _, err := b.prober.came(ctx, pair, nonce)
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
func (b *linkFault) counted(ctx context.Context, want map[link]uint64) (map[link]uint64, error) {
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
func (b *linkFault) owner(pair link) link {
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
