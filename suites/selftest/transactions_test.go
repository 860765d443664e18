package selftest

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// The transactional checkers on histories of a real PostgreSQL. That they find what is wrong is proven without one, in
// harness/check; here it is proven that what PostgreSQL allows and forbids is what they say.
var _ = Describe("Transactions", Label("transactions"), func() {
	// skewed conflicts often: many clients on few lists.
	skewed := func(level string, seed uint64) workload.Append {
		return workload.Append{Shape: workload.Shape{Clients: 8, Seed: seed, Isolation: level, Timeout: 20 * time.Second}, Keys: 4}
	}
	analyzed := func(run *history.Run) *txn.Report {
		GinkgoHelper()
		report, err := txn.Analyze(run.Ops, txn.Options{RealTime: true})
		Expect(err).NotTo(HaveOccurred())
		return report
	}

	It("find write skew in every run under repeatable read, and nothing under serializable", func(ctx SpecContext) {
		pair, _ := startPair(ctx, cluster.Pair(cluster.Async))
		Expect(skewed("", 0).Prepare(ctx, pair)).To(Succeed())
		record := func(level string, seed uint64) *history.Run {
			Expect(pair.Nodes()[0].SQL(ctx, "truncate app.append")).To(Succeed(), "each record has its own clock, and so the same keys")
			to := newRecorder()
			during(ctx, pair, to, func() { acknowledgedFor(ctx, to, 3*time.Second) }, skewed(level, seed))
			return loaded(to)
		}
		for seed := range uint64(3) {
			run := record(history.RepeatableRead, seed)
			report := analyzed(run)
			Expect(report.Find(txn.G2)).NotTo(BeNil(), "run %d: %d transactions", seed, report.Committed)
			Expect(verdictOf(run, "serializability").Status).To(Equal(history.Pass), "repeatable read allows it")
			for i := range run.Ops {
				run.Ops[i].Isolation = history.Serializable
			}
			verdict := verdictOf(run, "serializability")
			Expect(verdict.Status).To(Equal(history.Fail), "had it been promised serializable: %s", verdict.Sentence)
			Expect(verdict.Sentence).To(ContainSubstring("G2-item"))
			GinkgoWriter.Printf("repeatable read, run %d: %s\n", seed, verdict.Sentence)
		}
		for seed := range uint64(3) {
			run := record(history.Serializable, seed)
			verdict := verdictOf(run, "serializability")
			Expect(verdict.Status).To(Equal(history.Pass), verdict.Sentence)
			report := analyzed(run)
			held, _ := report.Held()
			Expect(held).To(BeNumerically(">=", txn.Serializable), verdict.Sentence)
			GinkgoWriter.Printf("serializable, run %d: %s\n", seed, verdict.Sentence)
		}
	}, SpecTimeout(3*specTimeout))

	// failOver kills the primary and promotes the standby, which has not received anything since it was stopped.
	failOver := func(ctx context.Context, primary, standby *cluster.Node) {
		GinkgoHelper()
		_, err := primary.Kill(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.Start(ctx)).To(Succeed())
		Expect(standby.SQL(ctx, "select pg_promote()")).To(Succeed())
	}
	// longLived keeps its lists for the whole run, so that every one is read again after the failover.
	longLived := func() workload.Append {
		return workload.Append{Shape: workload.Shape{Clients: 4, Rate: 150, Seed: 7, Timeout: 20 * time.Second}, Keys: 4, Length: 100_000}
	}

	It("tell what was visible and then lost from plain loss, after a synchronous wait was cancelled", func(ctx SpecContext) {
		pair, _ := startPair(ctx, cluster.Pair(cluster.Sync))
		primary, standby := pair.Nodes()[0], pair.Nodes()[1]
		Expect(longLived().Prepare(ctx, pair)).To(Succeed())
		to := newRecorder()
		during(ctx, pair, to, func() {
			acknowledgedFor(ctx, to, time.Second)
			Expect(standby.Stop(ctx, cluster.Fast)).To(Succeed())
			Eventually(func(g Gomega) {
				_, err := cancelWaits(ctx, primary)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(outcomes(to)[history.LocalOnly]).To(BeNumerically(">=", 20))
			}).WithContext(ctx).WithTimeout(time.Minute).WithPolling(20 * time.Millisecond).Should(Succeed())
			failOver(ctx, primary, standby)
			acknowledgedFor(ctx, to, 3*time.Second)
		}, longLived())
		run := loaded(to)
		verdict := verdictOf(run, "serializability")
		GinkgoWriter.Println(verdict.Sentence)
		Expect(verdict.Status).To(Equal(history.Fail), verdict.Sentence)
		found := analyzed(run).Find(txn.VisibleLost)
		Expect(found).NotTo(BeNil(), verdict.Sentence)
		example := found.Examples[0]
		Expect(example.Ops).To(HaveLen(3), "writer, reader, and who saw it gone: %+v", example)
		writer, reader, gone := run.Ops[example.Ops[0]], run.Ops[example.Ops[1]], run.Ops[example.Ops[2]]
		Expect(writer.Outcome).To(Or(Equal(history.LocalOnly), Equal(history.Unknown)))
		Expect(reader.Timeline).To(BeEquivalentTo(1))
		Expect(gone.Timeline).To(BeEquivalentTo(2))
		Expect(analyzed(run).Find(txn.Lost)).To(BeNil(), "no write that the standby had confirmed is lost: %s", verdict.Sentence)
	}, SpecTimeout(2*specTimeout))

	It("find asynchronous loss through a failover by the ledger and by the graph, and nothing but loss", func(ctx SpecContext) {
		topology := cluster.Pair(cluster.Async)
		topology.Settings = map[string]string{"max_prepared_transactions": "100"}
		pair, _ := startPair(ctx, topology)
		primary, standby := pair.Nodes()[0], pair.Nodes()[1]
		few := workload.Shape{Clients: 2, Rate: 40, Seed: 7, Timeout: 20 * time.Second}
		load := workload.Mix{
			workload.Ledger{Clients: 2, Rate: 100, Seed: 7},
			longLived(),
			workload.Register{Shape: few, Keys: 3},
			workload.Bank{Shape: few},
			workload.Identities{Shape: few},
			workload.TwoPhase{Shape: few},
		}
		Expect(load.Prepare(ctx, pair)).To(Succeed())
		to := newRecorder()
		during(ctx, pair, to, func() {
			acknowledgedFor(ctx, to, time.Second)
			Expect(standby.Stop(ctx, cluster.Fast)).To(Succeed())
			acknowledgedFor(ctx, to, time.Second)
			failOver(ctx, primary, standby)
			acknowledgedFor(ctx, to, 3*time.Second)
		}, load)
		states, err := inspect.Final(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		run := judged(to, pair, states)
		byLedger, byGraph := verdictOf(run, "durability"), verdictOf(run, "serializability")
		GinkgoWriter.Printf("ledger: %s\ngraph: %s\n", byLedger.Sentence, byGraph.Sentence)
		Expect(byLedger.Status).To(Equal(history.Fail), byLedger.Sentence)
		Expect(byGraph.Status).To(Equal(history.Fail), byGraph.Sentence)
		Expect(byGraph.Sentence).To(Or(ContainSubstring(string(txn.Lost)), ContainSubstring(string(txn.VisibleLost))))
		run.Budget.Lost = -1
		for _, checker := range []string{"serializability", "linearizable", "bank", "sequences", "two-phase"} {
			allowed := verdictOf(run, checker)
			GinkgoWriter.Printf("with any loss allowed, %s: %s\n", checker, allowed.Sentence)
			Expect(allowed.Status).To(Equal(history.Pass), "a loss that the budget allows is no error: %s: %s %v", checker, allowed.Sentence, allowed.Witness)
		}
	}, SpecTimeout(2*specTimeout))
})
