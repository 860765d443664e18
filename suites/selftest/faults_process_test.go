package selftest

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

var _ = Describe("Process faults", Label("faults", "process"), Ordered, ContinueOnFailure, func() {
	var b *bench
	var primary, standby *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		b = startBench(ctx, cluster.Pair(cluster.Async))
		primary, standby = b.nodes(ctx)
	}, NodeTimeout(specTimeout))
	AfterEach(func(ctx SpecContext) { b.explain(ctx) }, NodeTimeout(closeWithin))
	// One pair serves them all.
	freezingSpecs(func() *bench { return b })
	endingSpecs(func() *bench { return b })
	resourceSpecs(func() *bench { return b })
	healSpecs(func() *bench { return b })

	It("kill: the postmaster is gone at once, its address is not", func(ctx SpecContext) {
		kill := fault.Kill(fault.On(standby.Name()))
		kill.Restart = true
		Expect(b.runner.Run(ctx, kill, func(ctx context.Context) error {
			running, err := standby.Running(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(running).To(BeFalse())
			Expect(knocks(standby)).To(MatchError(ContainSubstring("refused")))
			Expect(knocks(primary)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("kill of a walsender: PostgreSQL restarts all its processes under the same postmaster", func(ctx SpecContext) {
		before, err := primary.PIDs(ctx, cluster.Postmaster)
		Expect(err).NotTo(HaveOccurred())
		from, err := primary.LogSize(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.runner.Run(ctx, fault.KillProcess(fault.Primary(), cluster.WALSender), func(ctx context.Context) error {
			Eventually(primary.Log).WithContext(ctx).WithArguments(from).WithTimeout(10 * time.Second).WithPolling(50 * time.Millisecond).
				Should(ContainSubstring("terminated by signal 9"))
			Expect(knocks(standby)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
		Expect(primary.PIDs(ctx, cluster.Postmaster)).To(Equal(before))
	}, SpecTimeout(faultTimeout))

	It("kill of the container: it is gone, its address is not, and it comes back", func(ctx SpecContext) {
		kill := fault.KillContainer(fault.On(standby.Name()))
		kill.Restart = true
		Expect(b.runner.Run(ctx, kill, func(ctx context.Context) error {
			_, err := standby.Exec(ctx, "true")
			Expect(err).To(HaveOccurred())
			Expect(knocks(standby)).To(MatchError(ContainSubstring("refused")))
			Expect(knocks(primary)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("a kill whose victim is back at once is found", func(ctx SpecContext) {
		b.runner.VerifyWithin = 2 * time.Second
		defer func() { b.runner.VerifyWithin = fault.DefaultVerifyWithin }()
		_, err := b.runner.Inject(ctx, spoilt{fault.Kill(fault.On(standby.Name())), func(ctx context.Context) {
			Expect(standby.Start(ctx)).To(Succeed())
		}})
		expectNoEffect(err, "after injection")
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("what is not there cannot be killed", func(ctx SpecContext) {
		_, err := b.runner.Inject(ctx, fault.KillProcess(fault.Primary(), cluster.WALReceiver))
		Expect(err).To(MatchError(fault.ErrNoTarget))
		_, err = b.runner.Inject(ctx, fault.Kill(fault.On("pg9")))
		Expect(err).To(MatchError(fault.ErrNoTarget))
		_, err = b.runner.Inject(ctx, fault.Kill(fault.Clients()))
		Expect(err).To(MatchError(fault.ErrNoTarget))
	}, SpecTimeout(faultTimeout))
})
