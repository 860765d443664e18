package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Worse makes links worse without cutting them: latency with jitter, packet loss, a bandwidth, packets that overtake others or come
// twice; any of them together. What is 0 stays as it is.
//
// It imitates a long or crowded line, a bad cable, a router that balances over unequal paths.
//
// Mechanism: of packets that the sender sends, netem where the kernel has it: nftables gives them a mark by which a band of the
// device's traffic control finds them. Where it has not, and of packets from clients, which the node only receives, NFQUEUE: nftables
// queues them to the agent in the sandbox, which lets them go when it is time, by its own expression where the kernel has it, else
// through the x_tables target. The report says which. It needs NET_ADMIN and, for duplicates by NFQUEUE, NET_RAW, which every node has.
// It does not imitate congestion that the sender's TCP can see as such (no ECN), and a delay is not exact below a millisecond.
//
// It heals by Revert and by itself when the rules' leases run out; when the agent dies, at once by NFQUEUE (the queue's bypass) and with
// the leases by netem. What waits in netem at the revert is lost, and sent again by TCP.
type Worse struct {
	From, To  Target
	OneWay    bool
	Delay     time.Duration
	Jitter    time.Duration // the delay is drawn evenly from Delay-Jitter to Delay+Jitter; order is kept
	Loss      float64       // share of packets that vanish, 0 to 1
	Duplicate float64       // share that come twice; not from clients
	Reorder   float64       // share that overtake the delayed ones: it needs a Delay
	Rate      int64         // bytes a second, headers included
	Seed      uint64        // of the draws, by NFQUEUE; netem has its own
}

// fastest is the highest rate of which a probe can tell that it is in effect.
const fastest = 20_000_000

// String names the links and what is done to them: "worse(primary <-> standby, delay 100ms±20ms, loss 0.1)".
func (f Worse) String() string {
	return fmt.Sprintf("worse(%s %s %s%s)", f.From, arrow(f.OneWay), f.To, f.detail())
}

func (f Worse) detail() string {
	text := ""
	add := func(set bool, format string, args ...any) {
		if set {
			text += ", " + fmt.Sprintf(format, args...)
		}
	}
	add(f.Delay > 0 && f.Jitter == 0, "delay %s", f.Delay)
	add(f.Jitter > 0, "delay %s±%s", f.Delay, f.Jitter)
	add(f.Loss > 0, "loss %v", f.Loss)
	add(f.Rate > 0, "%d bytes/s", f.Rate)
	add(f.Reorder > 0, "reorder %v", f.Reorder)
	add(f.Duplicate > 0, "duplicate %v", f.Duplicate)
	return text
}

// Supported asks the agents whether their kernel has netem, or can queue packets to them.
func (f Worse) Supported(ctx context.Context, c *cluster.Cluster) error {
	if !f.received() && agentsCan(ctx, c, "netem") == nil {
		return nil
	}
	return agentsCan(ctx, c, "nfqueue")
}

// received says that some of the packets are only received by nodes, and not sent by one.
func (f Worse) received() bool {
	return f.From.outside() || (!f.OneWay && f.To.outside())
}

// Mechanism says what makes links worse here.
func (f Worse) Mechanism(ctx context.Context, c *cluster.Cluster) string {
	queue := "NFQUEUE by the x_tables target in an nftables rule (this kernel has no nft_queue)"
	if agentsCan(ctx, c, "nft-queue") == nil {
		queue = "NFQUEUE by nftables' queue expression"
	}
	switch {
	case agentsCan(ctx, c, "netem") != nil:
		return queue
	case f.received():
		return "netem for what nodes send, " + queue + " for what clients send"
	}
	return "netem"
}

// check refuses what means nothing or could not be proven.
func (f Worse) check() error {
	switch {
	case f.detail() == "":
		return fmt.Errorf("%s: nothing to make worse", f)
	case f.Reorder > 0 && f.Delay <= 0:
		return fmt.Errorf("%s: what overtakes needs a delay of the others", f)
	case f.Jitter > f.Delay:
		return fmt.Errorf("%s: the jitter must not be more than the delay", f)
	case f.Rate > fastest:
		return fmt.Errorf("%s: above %d bytes/s it could not be proven", f, int64(fastest))
	}
	return nil
}

// Bind resolves both ends.
func (f Worse) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if f.Duplicate > 0 && f.received() {
		return nil, unsupported("packets from clients cannot be doubled: only what a node sends can")
	}
	shaping := wire.Shaping{
		DelayMicros: f.Delay.Microseconds(), JitterMicros: f.Jitter.Microseconds(), Loss: f.Loss, Duplicate: f.Duplicate,
		Reorder: f.Reorder, BytesPerSec: f.Rate, Seed: f.Seed,
	}
	return bindLinks(ctx, r, pairUp(f.From, f.To, f.OneWay), linkKind{
		name: "worse", detail: f.detail(), mechanism: f.Mechanism(ctx, r.Cluster), at: oneSender,
		rule: wire.Rule{Action: wire.Shape, Shaping: &shaping}, proof: &shapeProof{want: f},
	})
}

// Footprint of a link that is worse: it has the link for itself, but everything is still answered.
func (f Worse) Footprint() Footprint { return linkFootprint(pairUp(f.From, f.To, f.OneWay), false) }
