package selftest

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// endingSpecs are the specs of PostgreSQL being made to end, wholly or in part; bench gives the pair that they share.
func endingSpecs(bench func() *bench) {
	// says waits until the node's log says something after an offset.
	says := func(ctx context.Context, n *cluster.Node, from int64, text string) {
		GinkgoHelper()
		Eventually(n.Log).WithContext(ctx).WithArguments(from).WithTimeout(works).WithPolling(50 * time.Millisecond).
			Should(ContainSubstring(text))
	}
	from := func(ctx context.Context, n *cluster.Node) int64 {
		GinkgoHelper()
		size, err := n.LogSize(ctx)
		Expect(err).NotTo(HaveOccurred())
		return size
	}

	// Every kind that a plan can name. The death of a standby's startup process ends PostgreSQL, that of any other restarts it.
	for _, on := range []struct {
		target  fault.Target
		process cluster.Process
	}{
		{fault.Primary(), cluster.Archiver}, // first: after a restart it may be a minute until there is one again
		{fault.Primary(), cluster.Checkpointer},
		{fault.Primary(), cluster.WALWriter},
		{fault.Primary(), cluster.Backend},
		{fault.Primary(), "background writer"},
		{fault.Standby(), cluster.WALReceiver},
		{fault.Standby(), cluster.Startup},
	} {
		It("kill of the "+string(on.process)+": it is gone, and PostgreSQL comes back", Label("long"), func(ctx SpecContext) {
			b := bench()
			primary, standby := b.nodes(ctx)
			node := primary
			if on.target == fault.Standby() {
				node = standby
			}
			size := from(ctx, node)
			kill := fault.KillProcess(on.target, on.process)
			kill.Restart = true
			Expect(b.runner.Run(ctx, kill, func(ctx context.Context) error {
				says(ctx, node, size, "was terminated by signal 9")
				return nil
			})).To(Succeed())
			b.whole(ctx)
		}, SpecTimeout(faultTimeout))
	}

	DescribeTable("shutdown", func(ctx SpecContext, mode cluster.StopMode, state, recovery string) {
		b := bench()
		primary, standby := b.nodes(ctx)
		size := from(ctx, standby)
		Expect(b.runner.Run(ctx, fault.Shutdown{Target: fault.Standby(), Mode: mode, Restart: true}, func(ctx context.Context) error {
			Eventually(knocks).WithArguments(standby).WithContext(ctx).WithTimeout(works).WithPolling(20 * time.Millisecond).
				Should(MatchError(ContainSubstring("refused")))
			Expect(knocks(primary)).To(Succeed())
			Eventually(standby.Running).WithContext(ctx).WithTimeout(works).WithPolling(20 * time.Millisecond).Should(BeFalse())
			data, err := standby.ControlData(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(data.State).To(Equal(state))
			return nil
		})).To(Succeed())
		says(ctx, standby, size, recovery)
		b.whole(ctx)
	},
		Entry("fast: it ends cleanly", cluster.Fast, "shut down in recovery", "database system was shut down in recovery", SpecTimeout(faultTimeout)),
		Entry("immediate: it ends as in a crash", cluster.Immediate, "in archive recovery", "database system was interrupted while in recovery",
			Label("long"), SpecTimeout(faultTimeout)),
	)

	It("shutdown, smart: nobody new is let in, sessions go on", func(ctx SpecContext) {
		b := bench()
		_, standby := b.nodes(ctx)
		session, err := standby.Connect(ctx, cluster.Admin)
		Expect(err).NotTo(HaveOccurred())
		defer session.Close(ctx)
		smart := fault.Shutdown{Target: fault.On(standby.Name()), Mode: cluster.Smart, Restart: true}
		Expect(b.runner.Run(ctx, smart, func(ctx context.Context) error {
			var refused *pgconn.PgError
			_, err := standby.Connect(ctx, cluster.App)
			Expect(errors.As(err, &refused)).To(BeTrue(), "error: %v", err)
			Expect(refused.Code).To(Equal("57P03"))
			_, err = session.Exec(ctx, `select 1`)
			return err
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("shutdown, fast, of a primary whose standby is not reached: it waits, and is ended", Label("long"), func(ctx SpecContext) {
		b := bench()
		primary, _ := b.nodes(ctx)
		_, err := b.runner.Inject(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()})
		Expect(err).NotTo(HaveOccurred())
		_, err = b.runner.Inject(ctx, fault.Shutdown{Target: fault.On(primary.Name()), Mode: cluster.Fast, Restart: true})
		Expect(err).NotTo(HaveOccurred())
		Expect(primary.Running(ctx)).To(BeTrue(), "it waits for its standby")
		Expect(b.runner.Heal(ctx)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("a shutdown whose victim is back at once is found", Label("long"), func(ctx SpecContext) {
		b := bench()
		_, standby := b.nodes(ctx)
		b.runner.VerifyWithin = 2 * time.Second
		defer func() { b.runner.VerifyWithin = fault.DefaultVerifyWithin }()
		fast := fault.Shutdown{Target: fault.On(standby.Name()), Mode: cluster.Fast}
		_, err := b.runner.Inject(ctx, spoilt{fast, func(ctx context.Context) {
			Expect(standby.Stop(ctx, cluster.Fast)).To(Succeed())
			Expect(standby.Start(ctx)).To(Succeed())
		}})
		expectNoEffect(err, "after injection")
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	DescribeTable("stop of the container", func(ctx SpecContext, grace time.Duration, recovery string) {
		b := bench()
		primary, standby := b.nodes(ctx)
		size := from(ctx, standby)
		stop := fault.StopContainer{Target: fault.On(standby.Name()), Grace: grace, Restart: true}
		Expect(b.runner.Run(ctx, stop, func(ctx context.Context) error {
			Expect(standby.ContainerDead(ctx)).To(BeTrue())
			Expect(knocks(standby)).To(MatchError(ContainSubstring("refused")))
			Expect(knocks(primary)).To(Succeed())
			return nil
		})).To(Succeed())
		says(ctx, standby, size, recovery)
		b.whole(ctx)
	},
		Entry("with grace: PostgreSQL ends cleanly", 30*time.Second, "database system was shut down in recovery", SpecTimeout(faultTimeout)),
		Entry("without: it is killed", time.Duration(0), "database system was interrupted while in recovery", Label("long"), SpecTimeout(faultTimeout)),
	)

	It("a stop whose container is back at once is found", Label("long"), func(ctx SpecContext) {
		b := bench()
		_, standby := b.nodes(ctx)
		b.runner.VerifyWithin = 2 * time.Second
		defer func() { b.runner.VerifyWithin = fault.DefaultVerifyWithin }()
		stop := fault.StopContainer{Target: fault.On(standby.Name()), Grace: 30 * time.Second}
		_, err := b.runner.Inject(ctx, spoilt{stop, func(ctx context.Context) { comeBack(ctx, standby) }})
		expectNoEffect(err, "after injection")
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("out of memory: the kernel kills a backend, and PostgreSQL restarts its processes", func(ctx SpecContext) {
		b := bench()
		primary, standby := b.nodes(ctx)
		postmaster, err := primary.PIDs(ctx, cluster.Postmaster)
		Expect(err).NotTo(HaveOccurred())
		checkpointer, err := primary.PIDs(ctx, cluster.Checkpointer)
		Expect(err).NotTo(HaveOccurred())
		_, before, err := primary.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		size := from(ctx, primary)
		Expect(b.runner.Run(ctx, fault.OutOfMemory{Target: fault.Primary()}, func(ctx context.Context) error {
			says(ctx, primary, size, "terminating any other active server processes")
			Expect(knocks(standby)).To(Succeed())
			_, limit, err := primary.Limits(ctx)
			Expect(limit.Memory).To(BeNumerically(">", 0))
			return err
		})).To(Succeed())
		b.whole(ctx)
		Expect(primary.PIDs(ctx, cluster.Postmaster)).To(Equal(postmaster))
		Expect(primary.PIDs(ctx, cluster.Checkpointer)).NotTo(Equal(checkpointer))
		_, after, err := primary.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(Equal(before))
	}, SpecTimeout(faultTimeout))

	It("an OOM kill that the kernel does not count is found", Label("long"), func(ctx SpecContext) {
		b := bench()
		_, standby := b.nodes(ctx)
		// The counters are those of the container's life, and the log alone must not be enough.
		_, err := b.runner.Inject(ctx, spoilt{fault.OutOfMemory{Target: fault.Standby()}, func(ctx context.Context) {
			_, err := standby.KillContainer(ctx)
			Expect(err).NotTo(HaveOccurred())
			comeBack(ctx, standby)
		}})
		expectNoEffect(err, "after injection")
		Expect(err).To(MatchError(ContainSubstring("has killed no process")))
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
}

// comeBack starts a node's container and PostgreSQL in it.
func comeBack(ctx context.Context, n *cluster.Node) {
	GinkgoHelper()
	Expect(n.StartContainer(ctx)).To(Succeed())
	Expect(n.Start(ctx)).To(Succeed())
}
