package selftest

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

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
		Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(5 * time.Second).WithPolling(50 * time.Millisecond).
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
			Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(5 * time.Second).WithPolling(50 * time.Millisecond).
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
			Eventually(seen).WithContext(ctx).WithTimeout(5 * time.Second).WithPolling(50 * time.Millisecond).
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
			Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(5 * time.Second).WithPolling(50 * time.Millisecond).
				Should(BeNumerically(">", written))
			Expect(seen(ctx).Flushed).To(Equal(before))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("a cut that is silently not applied is found", func(ctx SpecContext) {
		_, err := b.runner.Inject(ctx, spoilt{fault.Cut{From: fault.Primary(), To: fault.Standby()}, b.sabotage})
		expectNoEffect(err, "after injection")
		Expect(b.runner.Active()).To(BeEmpty())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

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
