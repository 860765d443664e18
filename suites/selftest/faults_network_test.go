package selftest

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// patience is for what takes milliseconds on a quiet machine.
const patience = 30 * time.Second

var _ = Describe("Network faults", Label("faults", "network"), Ordered, ContinueOnFailure, func() {
	var b *bench
	var primary, standby *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		b = startBench(ctx, cluster.Pair(cluster.Async))
		primary, standby = b.nodes(ctx)
	}, NodeTimeout(specTimeout))
	AfterEach(func(ctx SpecContext) { b.explain(ctx) }, NodeTimeout(closeWithin))

	// stands expects the standby's position to stand still while the primary's goes on.
	stands := func(ctx context.Context) {
		GinkgoHelper()
		written, replayed := lsn(ctx, primary), lsn(ctx, standby)
		Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(patience).WithPolling(50 * time.Millisecond).
			Should(BeNumerically(">", written))
		Expect(lsn(ctx, standby)).To(Equal(replayed))
	}
	// reply is when the standby last answered the primary, as the primary says.
	type view struct {
		State   string
		Flushed string
	}
	seen := func(ctx context.Context) (v view) {
		GinkgoHelper()
		query := `select coalesce(max(state), 'none'), coalesce(max(flush_lsn)::text, '') from pg_stat_replication`
		Expect(primary.Query(ctx, query, nil, &v.State, &v.Flushed)).To(Succeed())
		return v
	}

	It("cut: the standby falls behind, the clients notice nothing", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()}, func(ctx context.Context) error {
			stands(ctx)
			Expect(knocks(primary)).To(Succeed())
			Expect(knocks(standby)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("one-way cut to the standby: pg_stat_replication is fooled, the harness is not", func(ctx SpecContext) {
		cut := fault.Cut{From: fault.Primary(), To: fault.Standby(), OneWay: true}
		in, err := b.runner.Inject(ctx, cut)
		Expect(err).NotTo(HaveOccurred())
		stands(ctx)
		Expect(seen(ctx).State).To(Equal("streaming"))
		Expect(in.Evidence.Control).To(ContainSubstring(standby.Name() + " -> " + primary.Name()))
		Expect(b.runner.Heal(ctx)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("one-way cut from the standby: the primary hears of no progress", func(ctx SpecContext) {
		cut := fault.Cut{From: fault.Standby(), To: fault.Primary(), OneWay: true}
		Expect(b.runner.Run(ctx, cut, func(ctx context.Context) error {
			before := seen(ctx)
			written := lsn(ctx, primary)
			Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(patience).WithPolling(50 * time.Millisecond).
				Should(BeNumerically(">", written))
			Expect(seen(ctx).Flushed).To(Equal(before.Flushed))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("cut from the clients: they time out, replication goes on", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.Cut{From: fault.On(standby.Name()), To: fault.Clients()}, func(ctx context.Context) error {
			Expect(knocks(standby)).To(MatchError(ContainSubstring("timeout")))
			Expect(knocks(primary)).To(Succeed())
			before := seen(ctx).Flushed
			Eventually(seen).WithContext(ctx).WithTimeout(patience).WithPolling(50 * time.Millisecond).
				ShouldNot(HaveField("Flushed", before))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("isolation: a node is cut from its peer and from the clients", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.Isolate(fault.On(standby.Name())), func(ctx context.Context) error {
			Expect(knocks(standby)).To(MatchError(ContainSubstring("timeout")))
			Expect(knocks(primary)).To(Succeed())
			before := seen(ctx).Flushed
			written := lsn(ctx, primary)
			Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(patience).WithPolling(50 * time.Millisecond).
				Should(BeNumerically(">", written))
			Expect(seen(ctx).Flushed).To(Equal(before))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("refuse: the standby's connection breaks at once and no new one is made", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.Refuse{From: fault.Standby(), To: fault.Primary()}, func(ctx context.Context) error {
			Eventually(func(ctx context.Context) (receivers int, err error) {
				err = standby.Query(ctx, `select count(*) from pg_stat_wal_receiver where status = 'streaming'`, nil, &receivers)
				return receivers, err
			}).WithContext(ctx).WithTimeout(20 * time.Second).WithPolling(50 * time.Millisecond).Should(BeZero())
			Expect(knocks(primary)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("half-open: connections are made, nothing is said", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.HalfOpen{From: fault.On(standby.Name()), To: fault.Clients()}, func(ctx context.Context) error {
			Expect(knocks(standby)).To(Succeed())
			limited, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
			defer cancel()
			_, err := standby.Connect(limited, cluster.App)
			Expect(err).To(MatchError(context.DeadlineExceeded))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	// apply times a row from the primary's commit to its being read on the standby.
	apply := func(ctx context.Context) time.Duration {
		GinkgoHelper()
		token, err := b.pair.Mark(ctx, primary)
		Expect(err).NotTo(HaveOccurred())
		began := time.Now()
		Expect(standby.AwaitMark(ctx, token)).To(Succeed())
		return time.Since(began)
	}
	links := fault.Worse{From: fault.Primary(), To: fault.Standby()}

	It("latency: a row is on the standby no sooner than that", func(ctx SpecContext) {
		worse := links
		worse.Delay = 300 * time.Millisecond
		Expect(b.runner.Run(ctx, worse, func(ctx context.Context) error {
			Expect(apply(ctx)).To(BeNumerically(">", 250*time.Millisecond))
			Expect(knocks(primary)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("bandwidth: a bulk of WAL takes its time", func(ctx SpecContext) {
		worse := links
		worse.Rate = 400_000
		Expect(b.runner.Run(ctx, worse, func(ctx context.Context) error {
			Expect(primary.SQL(ctx, `select pg_logical_emit_message(false, 'bulk', repeat('x', 800000))`)).To(Succeed())
			Expect(apply(ctx)).To(BeNumerically(">", time.Second))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	for name, change := range map[string]func(*fault.Worse){
		"loss":      func(f *fault.Worse) { f.Loss = 0.3 },
		"reorder":   func(f *fault.Worse) { f.Delay, f.Reorder = 20*time.Millisecond, 0.3 },
		"duplicate": func(f *fault.Worse) { f.Duplicate = 0.3 },
	} {
		It(name+": the kernel's TCP counters of the nodes see it, and replication goes on", func(ctx SpecContext) {
			worse := links
			change(&worse)
			Expect(b.runner.Run(ctx, worse, func(ctx context.Context) error {
				before := troubles(ctx, primary) + troubles(ctx, standby)
				Eventually(func(ctx context.Context) int {
					Expect(primary.SQL(ctx, `select pg_logical_emit_message(false, 'bulk', repeat('x', 200000))`)).To(Succeed())
					return troubles(ctx, primary) + troubles(ctx, standby)
				}).WithContext(ctx).WithTimeout(20 * time.Second).WithPolling(20 * time.Millisecond).Should(BeNumerically(">", before))
				return nil
			})).To(Succeed())
			b.whole(ctx)
		}, SpecTimeout(faultTimeout))
	}

	It("jitter: connections between the nodes take unequal times", func(ctx SpecContext) {
		worse := links
		worse.Delay, worse.Jitter = 40*time.Millisecond, 40*time.Millisecond
		Expect(b.runner.Run(ctx, worse, func(ctx context.Context) error {
			var times []time.Duration
			for range 15 {
				times = append(times, connecting(ctx, primary, standby))
			}
			Expect(slices.Max(times) - slices.Min(times)).To(BeNumerically(">", 20*time.Millisecond))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("latency from the clients: each question takes so long, replication does not", func(ctx SpecContext) {
		worse := fault.Worse{From: fault.Clients(), To: fault.On(standby.Name()), OneWay: true, Delay: 300 * time.Millisecond}
		Expect(b.runner.Run(ctx, worse, func(ctx context.Context) error {
			began := time.Now()
			lsn(ctx, standby)
			Expect(time.Since(began)).To(BeNumerically(">", 300*time.Millisecond))
			Expect(quickest(ctx, primary, standby)).To(BeNumerically("<", 300*time.Millisecond))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("half-open between the nodes: they connect, and the standby falls behind", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.HalfOpen{From: fault.Primary(), To: fault.Standby()}, func(ctx context.Context) error {
			connecting(ctx, primary, standby)
			connecting(ctx, standby, primary)
			stands(ctx)
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("refuse of the clients: they are refused, replication goes on", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.Refuse{From: fault.Clients(), To: fault.On(standby.Name())}, func(ctx context.Context) error {
			Expect(knocks(standby)).To(MatchError(ContainSubstring("refused")))
			Expect(knocks(primary)).To(Succeed())
			before := seen(ctx).Flushed
			Eventually(seen).WithContext(ctx).WithTimeout(patience).WithPolling(50 * time.Millisecond).ShouldNot(HaveField("Flushed", before))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("grudge: each direction by itself, of the nodes and of the clients", func(ctx SpecContext) {
		grudge := fault.Grudge{Links: []fault.Link{{From: fault.Primary(), To: fault.Standby()}, {From: fault.Clients(), To: fault.On(standby.Name())}}}
		Expect(b.runner.Run(ctx, grudge, func(ctx context.Context) error {
			flushed, written := seen(ctx), lsn(ctx, primary)
			Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(patience).WithPolling(50 * time.Millisecond).Should(BeNumerically(">", written))
			Expect(seen(ctx)).To(Equal(flushed))
			Expect(flushed.State).To(Equal("streaming"))
			Expect(knocks(standby)).To(MatchError(ContainSubstring("timeout")))
			Expect(knocks(primary)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	both := fault.Cut{From: fault.Primary(), To: fault.Standby()}
	to, from := both, fault.Cut{From: fault.Standby(), To: fault.Primary(), OneWay: true}
	to.OneWay = true
	worse := func(change func(*fault.Worse)) fault.Fault {
		one := links
		change(&one)
		return one
	}
	for name, f := range map[string]fault.Fault{
		"cut": both, "one-way cut to the standby": to, "one-way cut from the standby": from,
		"cut from the clients": fault.Cut{From: fault.Standby(), To: fault.Clients()}, "isolation": fault.Isolate(fault.Standby()),
		"grudge":    fault.Grudge{Links: []fault.Link{{From: fault.Primary(), To: fault.Standby()}}},
		"refuse":    fault.Refuse{From: fault.Standby(), To: fault.Primary()},
		"half-open": fault.HalfOpen{From: fault.Standby(), To: fault.Clients()},
		"loss":      worse(func(f *fault.Worse) { f.Loss = 0.3 }),
		"latency":   worse(func(f *fault.Worse) { f.Delay = 300 * time.Millisecond }),
		"jitter":    worse(func(f *fault.Worse) { f.Delay, f.Jitter = 200*time.Millisecond, 50*time.Millisecond }),
		"bandwidth": worse(func(f *fault.Worse) { f.Rate = 200_000 }),
		"reorder":   worse(func(f *fault.Worse) { f.Delay, f.Reorder = 20*time.Millisecond, 0.3 }),
		"duplicate": worse(func(f *fault.Worse) { f.Duplicate = 0.3 }),
	} {
		It(name+" that is silently not applied is found", func(ctx SpecContext) {
			_, err := b.runner.Inject(ctx, spoilt{f, b.sabotage})
			expectNoEffect(err, "after injection")
			Expect(b.runner.Active()).To(BeEmpty())
			b.whole(ctx)
		}, SpecTimeout(faultTimeout))
	}

	It("a cut whose rules are taken away underneath is found", func(ctx SpecContext) {
		in, err := b.runner.Inject(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()})
		Expect(err).NotTo(HaveOccurred())
		b.sabotage(ctx)
		_, err = in.Active.Verify(ctx)
		Expect(err).To(MatchError(ContainSubstring("is gone")))
		expectNoEffect(b.runner.Heal(ctx), "before revert")
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
})

// connecting is how long a connection from one node to another's PostgreSQL takes.
func connecting(ctx context.Context, from, to *cluster.Node) time.Duration {
	GinkgoHelper()
	agent := wire.NewClient(from.Agent())
	defer agent.Close()
	timing, err := agent.Do(ctx, wire.Request{Do: wire.Dial, To: net.JoinHostPort(to.Address(), "5432"), WaitMillis: patience.Milliseconds()})
	Expect(err).NotTo(HaveOccurred())
	Expect(timing.Reply.Outcome).To(Equal("connected"))
	return time.Duration(timing.Reply.TookMicros) * time.Microsecond
}

// quickest is the shortest of some connections: none is as short if something holds each up.
func quickest(ctx context.Context, from, to *cluster.Node) time.Duration {
	GinkgoHelper()
	least := connecting(ctx, from, to)
	for range 10 {
		least = min(least, connecting(ctx, from, to))
	}
	return least
}

// troubles sums what a node's kernel counts of segments lost, doubled or out of order.
func troubles(ctx context.Context, n *cluster.Node) int {
	GinkgoHelper()
	text, err := n.Shell(ctx, `cat /proc/net/snmp /proc/net/netstat`)
	Expect(err).NotTo(HaveOccurred())
	lines := strings.Split(text, "\n")
	sum := 0
	for i := 0; i+1 < len(lines); i++ {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for j := 1; j < len(names) && j < len(values) && names[0] == values[0]; j++ {
			switch names[j] {
			case "RetransSegs", "TCPOFOQueue", "TCPDSACKRecv", "TCPDSACKOldSent", "TCPDSACKOfoSent":
				value, err := strconv.Atoi(values[j])
				if err == nil { // the next pair of lines begins with names
					sum += value
				}
			}
		}
	}
	return sum
}
