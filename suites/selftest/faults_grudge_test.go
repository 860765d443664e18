package selftest

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

var _ = Describe("A grudge among three nodes", Label("faults", "network", "long"), Ordered, ContinueOnFailure, func() {
	var b *bench
	var near, far *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		b = startBench(ctx, cluster.Topology{Nodes: []string{"pg1", "pg2", "pg3"}, Commit: cluster.Async})
		primary, _ := b.nodes(ctx)
		standbys := b.pair.Peers(primary)
		near, far = standbys[0], standbys[1]
	}, NodeTimeout(faultTimeout))
	AfterEach(func(ctx SpecContext) { b.explain(ctx) }, NodeTimeout(closeWithin))

	// grows waits until a node's position has gone on.
	grows := func(ctx context.Context, n *cluster.Node, from pg.LSN) {
		GinkgoHelper()
		Eventually(lsn).WithContext(ctx).WithArguments(n).WithTimeout(patience).WithPolling(50 * time.Millisecond).Should(BeNumerically(">", from))
	}

	It("cuts one standby off from both others, and leaves these alone", func(ctx SpecContext) {
		links := []fault.Link{
			{From: fault.Primary(), To: fault.On(far.Name())},
			{From: fault.On(far.Name()), To: fault.On(near.Name())},
			{From: fault.On(near.Name()), To: fault.On(far.Name())},
		}
		Expect(b.runner.Run(ctx, fault.Grudge{Links: links}, func(ctx context.Context) error {
			stood := lsn(ctx, far)
			grows(ctx, near, lsn(ctx, near))
			Expect(lsn(ctx, far)).To(Equal(stood))
			return nil
		})).To(Succeed())
		grows(ctx, far, lsn(ctx, far))
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("standbys together are cut from the primary", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.Cut{From: fault.Primary(), To: fault.Standbys()}, func(ctx context.Context) error {
			primary, _ := b.nodes(ctx)
			stood := []pg.LSN{lsn(ctx, near), lsn(ctx, far)}
			grows(ctx, primary, lsn(ctx, primary))
			Expect([]pg.LSN{lsn(ctx, near), lsn(ctx, far)}).To(Equal(stood))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
})
