package selftest

import (
	"context"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

var _ = Describe("Clock faults", Label("faults", "clock"), Ordered, ContinueOnFailure, func() {
	// hurried is how long a question may take on a busy machine: what is seen is right within it.
	const hurried = 30 * time.Second
	var b *bench
	var primary, standby *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		b = startBench(ctx, cluster.Pair(cluster.Async))
		primary, standby = b.nodes(ctx)
	}, NodeTimeout(specTimeout))
	AfterEach(func(ctx SpecContext) { b.explain(ctx) }, NodeTimeout(closeWithin))

	// ahead is by how much a time that a node gave is ahead of now.
	ahead := func(ctx context.Context, n *cluster.Node, query string) time.Duration {
		GinkgoHelper()
		var said time.Time
		Expect(n.Query(ctx, query, nil, &said)).To(Succeed())
		return time.Until(said)
	}
	const now = `select clock_timestamp()`
	near := func(want time.Duration) OmegaMatcher { return BeNumerically("~", want, hurried) }
	clear := func(n *cluster.Node) func(context.Context) {
		return func(ctx context.Context) {
			GinkgoHelper()
			Expect(n.RunBeside(ctx, []string{"SYS_PTRACE"}, "/clock", "clear")).To(HavePrefix("true since"))
		}
	}
	afterwards := func(ctx context.Context) {
		GinkgoHelper()
		Expect(ahead(ctx, primary, now)).To(near(0))
		Expect(ahead(ctx, standby, now)).To(near(0))
		b.whole(ctx)
	}

	It("jump of the primary: what it writes is of another hour, its standby and its shell are not", func(ctx SpecContext) {
		const by = time.Hour
		Expect(b.runner.Run(ctx, fault.ClockJump(fault.Primary(), by), func(ctx context.Context) error {
			Expect(ahead(ctx, standby, now)).To(near(0))
			Eventually(func(ctx context.Context) time.Duration { // the time of a commit on the primary, as its standby has it
				return ahead(ctx, standby, `select pg_last_xact_replay_timestamp()`)
			}).WithContext(ctx).WithTimeout(wholeWithin).WithPolling(50 * time.Millisecond).Should(near(by))
			Expect(primary.SQL(ctx, `checkpoint`)).To(Succeed()) // its time is asked for by time(), a second's exact
			Expect(ahead(ctx, primary, `select checkpoint_time from pg_control_checkpoint()`)).To(near(by))
			Expect(stamped(ctx, primary)).To(near(by))
			text, err := primary.Shell(ctx, `date -u +%Y-%m-%dT%H:%M:%SZ`)
			Expect(err).NotTo(HaveOccurred())
			shell, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
			Expect(err).NotTo(HaveOccurred())
			Expect(time.Until(shell)).To(near(0))
			return nil
		})).To(Succeed())
		afterwards(ctx)
	}, SpecTimeout(faultTimeout))

	It("jump back of the standby: a PostgreSQL that is started anew has it too", func(ctx SpecContext) {
		const by = -time.Hour
		Expect(b.runner.Run(ctx, fault.ClockJump(fault.Standby(), by), func(ctx context.Context) error {
			Expect(ahead(ctx, primary, now)).To(near(0))
			Expect(ahead(ctx, standby, now)).To(near(by))
			Expect(standby.Stop(ctx, cluster.Fast)).To(Succeed())
			Expect(standby.Start(ctx)).To(Succeed())
			Eventually(ahead).WithContext(ctx).WithArguments(standby, now).WithTimeout(wholeWithin).WithPolling(50 * time.Millisecond).Should(near(by))
			return nil
		})).To(Succeed())
		afterwards(ctx)
	}, SpecTimeout(faultTimeout))

	It("skew: the clock gains, and is right again afterwards", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.ClockSkew(fault.Standby(), 4), func(ctx context.Context) error {
			first, at := ahead(ctx, standby, now), time.Now()
			Eventually(func(ctx context.Context) bool { // four seconds gained in one, whatever each question took
				gained, passed := ahead(ctx, standby, now)-first, time.Since(at)
				return passed > time.Second && gained > 3*passed && gained < 5*passed
			}).WithContext(ctx).WithTimeout(wholeWithin).WithPolling(50 * time.Millisecond).Should(BeTrue())
			Expect(ahead(ctx, primary, now)).To(near(0))
			return nil
		})).To(Succeed())
		afterwards(ctx)
	}, SpecTimeout(faultTimeout))

	It("strobe: the clock is right and wrong by turns", func(ctx SpecContext) {
		const by = time.Hour
		Expect(b.runner.Run(ctx, fault.ClockStrobe(fault.Primary(), by, time.Second), func(ctx context.Context) error {
			for _, want := range []time.Duration{by, 0, by} {
				Eventually(ahead).WithContext(ctx).WithArguments(primary, now).WithTimeout(wholeWithin).WithPolling(20 * time.Millisecond).Should(near(want))
			}
			return nil
		})).To(Succeed())
		afterwards(ctx)
	}, SpecTimeout(faultTimeout))

	It("what a dead tester leaves is taken back by make heal", Label("long"), func(ctx SpecContext) {
		bound, err := fault.ClockJump(fault.Primary(), time.Hour).Bind(ctx, b.runner)
		Expect(err).NotTo(HaveOccurred())
		_, err = bound.Inject(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(ahead(ctx, primary, now)).To(near(time.Hour))
		heal(ctx, bound.Undo())
		afterwards(ctx)
	}, SpecTimeout(faultTimeout))

	It("a jump that is silently not applied is found", func(ctx SpecContext) {
		_, err := b.runner.Inject(ctx, spoilt{fault.ClockJump(fault.Primary(), time.Hour), clear(primary)})
		expectNoEffect(err, "after injection")
		Expect(b.runner.Active()).To(BeEmpty())
		afterwards(ctx)
	}, SpecTimeout(faultTimeout))

	It("a drift that ceases is found", func(ctx SpecContext) {
		in, err := b.runner.Inject(ctx, fault.ClockSkew(fault.Standby(), -0.5))
		Expect(err).NotTo(HaveOccurred())
		clear(standby)(ctx)
		_, err = in.Active.Verify(ctx)
		Expect(err).To(MatchError(ContainSubstring("does not explain that")))
		expectNoEffect(b.runner.Heal(ctx), "before revert")
		afterwards(ctx)
	}, SpecTimeout(faultTimeout))
})

var stampPattern = regexp.MustCompile(`(?m)^(\S+ \S+) UTC \[\d+\] \S+ LOG:  stamped$`)

// stamped has a node write to its log and says by how much the line's time is ahead.
func stamped(ctx context.Context, n *cluster.Node) time.Duration {
	GinkgoHelper()
	from, err := n.LogSize(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(n.SQL(ctx, `do $$ begin raise log 'stamped'; end $$`)).To(Succeed())
	text, err := n.Log(ctx, from)
	Expect(err).NotTo(HaveOccurred())
	found := stampPattern.FindStringSubmatch(text)
	Expect(found).NotTo(BeNil(), text)
	at, err := time.Parse("2006-01-02 15:04:05.000", found[1])
	Expect(err).NotTo(HaveOccurred())
	return time.Until(at)
}
