package selftest

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

var _ = Describe("The transactional workloads", Label("workloads"), func() {
	It("record what PostgreSQL does at every isolation level, and nothing that it forbids", func(ctx SpecContext) {
		topology := cluster.Pair(cluster.RemoteApply)
		topology.Settings = map[string]string{"max_prepared_transactions": "40"}
		pair, _ := startPair(ctx, topology)
		for _, level := range []string{history.ReadCommitted, history.RepeatableRead, history.Serializable} {
			shape := workload.Shape{Clients: 2, Rate: 60, Seed: 3, Isolation: level, Timeout: 10 * time.Second}
			mix := workload.Mix{
				workload.Append{Shape: shape},
				workload.Append{Shape: shape, Way: workload.UpdateInsert},
				workload.Append{Shape: shape, Way: workload.Concat},
				workload.Register{Shape: shape, Standby: true},
				workload.Bank{Shape: shape},
				workload.Identities{Shape: shape},
				workload.TwoPhase{Shape: shape},
			}
			Expect(pair.Nodes()[0].SQL(ctx, emptySchema)).To(Succeed(), "each record has its own clock, and so the same keys")
			Expect(mix.Prepare(ctx, pair)).To(Succeed())
			to := newRecorder()
			during(ctx, pair, to, func() { Expect(sleep(ctx, 3*time.Second)).To(Succeed()) }, mix)
			run := loaded(to)
			kinds := map[history.Kind]int{}
			handedOut := map[string]map[int64]bool{}
			for _, op := range run.Ops {
				Expect(op.Outcome).NotTo(Equal(history.Unknown), "%+v", op)
				if op.Outcome == history.OK {
					kinds[op.Kind]++
					lookAt(op, handedOut)
				}
			}
			GinkgoWriter.Printf("%s: %v of %d\n", level, kinds, len(run.Ops))
			for _, kind := range []history.Kind{
				history.Txn, history.Read, history.Write, history.Deposit, history.Transfer, history.Balances, history.Next, history.Prepare, history.CommitPrepared,
			} {
				Expect(kinds).To(HaveKey(kind), level)
			}
			states, err := inspect.Final(ctx, pair)
			Expect(err).NotTo(HaveOccurred())
			run = judged(to, pair, states)
			for _, checker := range []string{"serializability", "linearizable", "bank", "sequences", "standby-reads", "two-phase", "prepared"} {
				verdict := verdictOf(run, checker)
				GinkgoWriter.Printf("%s, %s: %s\n", level, checker, verdict.Sentence)
				Expect(verdict.Status).To(Equal(history.Pass), "%s, %s: %s", level, checker, verdict.Sentence)
			}
			Expect(states[0].Prepared).To(BeEmpty(), "every client ends what it prepared")
		}
	}, SpecTimeout(specTimeout))
})

// emptySchema drops every table of the workloads.
const emptySchema = `do $$ declare t record; begin
	for t in select tablename from pg_tables where schemaname = 'app' loop execute format('drop table app.%I cascade', t.tablename); end loop;
end $$`

// lookAt looks at what an acknowledged operation of a workload must always have.
func lookAt(op history.Op, handedOut map[string]map[int64]bool) {
	GinkgoHelper()
	Expect(op.Node).NotTo(BeEmpty(), "%+v", op)
	switch op.Kind {
	case history.Balances:
		var total int64
		for _, account := range op.Txn {
			total += account.Value
		}
		Expect(total).To(BeEquivalentTo(800), "%+v", op)
	case history.Next:
		key, value := op.Txn[0].Key, op.Txn[0].Value
		if handedOut[key] == nil {
			handedOut[key] = map[int64]bool{}
		}
		Expect(handedOut[key]).NotTo(HaveKey(value), "%+v", op)
		handedOut[key][value] = true
	case history.Write:
		Expect(op.Txn[0].Version).To(BeNumerically(">", 0), "%+v", op)
	}
	switch op.Kind {
	case history.Txn, history.Read, history.Write:
		Expect(op.Txn[0].SQL).NotTo(BeEmpty(), "a witness shows it: %+v", op)
	}
	switch {
	case op.Standby:
		Expect(op.Node).To(Equal("pg2"), "%+v", op)
	case op.Kind != history.CommitPrepared && op.Kind != history.RollbackPrepared: // which return nothing
		Expect(op.Timeline).To(BeEquivalentTo(1), "%+v", op)
		Expect(op.LSN).NotTo(BeZero(), "%+v", op)
	}
}
