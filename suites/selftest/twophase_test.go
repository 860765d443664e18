package selftest

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// What was prepared on one primary is ended on the next one, and what became of each is read from its rows.
var _ = Describe("Two-phase transactions over a failover", Label("transactions"), func() {
	It("are as they were decided, and the verdict fails where one is not", func(ctx SpecContext) {
		topology := cluster.Pair(cluster.Sync)
		topology.Settings = map[string]string{"max_prepared_transactions": "400"}
		pair, _ := startPair(ctx, topology)
		primary, standby := pair.Nodes()[0], pair.Nodes()[1]
		load := workload.TwoPhase{Shape: workload.Shape{Clients: 24, Rate: 120, Seed: 5, Timeout: 20 * time.Second}, Leave: 0.3}
		Expect(load.Prepare(ctx, pair)).To(Succeed())
		to := newRecorder()
		during(ctx, pair, to, func() {
			acknowledgedFor(ctx, to, 2*time.Second)
			_, err := primary.Kill(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(standby.SQL(ctx, "select pg_promote()")).To(Succeed())
			acknowledgedFor(ctx, to, 2*time.Second)
		}, load)
		run := finished(ctx, to, pair)

		verdict := verdictOf(run, "two-phase")
		Expect(verdict.Status).To(Equal(history.Pass), verdict.Sentence)
		both, left := acrossNodes(run)
		GinkgoWriter.Printf("%s %d prepared on %s and ended on %s, %d left\n", verdict.Sentence, len(both), primary, standby, len(left))
		Expect(both).NotTo(BeEmpty(), "a transaction that was prepared on the old primary was committed on the new one")
		Expect(left).NotTo(BeEmpty())
		end := stateOf(run, standby.Name())
		Expect(end.Prepared).To(ContainElements(left), "they outlived the server")
		for _, gid := range both {
			Expect(end.Decided).To(HaveKeyWithValue(gid, 2))
		}
		for _, gid := range left {
			Expect(end.Decided).NotTo(HaveKey(gid))
		}
		Expect(end.Err).To(BeEmpty())
		Expect(stateOf(run, primary.Name()).Decided).To(BeNil(), "nobody looked: it is down")

		spoilt := func(says, statement string) {
			GinkgoHelper()
			Expect(standby.SQL(ctx, statement)).To(Succeed())
			verdict := verdictOf(finished(ctx, newRecorderWith(run.Ops), pair), "two-phase")
			Expect(verdict.Status).To(Equal(history.Fail), verdict.Sentence)
			Expect(verdict.Sentence).To(ContainSubstring(says))
		}
		spoilt("1 of its 2 rows", "delete from app.two_phase where k = '"+both[0]+".1'")
		spoilt("its rows are missing", "delete from app.two_phase where k = '"+both[0]+".0'")
		spoilt("nobody committed it, and its rows are there", "commit prepared '"+left[0]+"'")
	}, SpecTimeout(2*specTimeout))
})

// finished is the record with what the nodes hold now.
func finished(ctx context.Context, to *history.Recorder, pair *cluster.Cluster) *history.Run {
	GinkgoHelper()
	states, err := inspect.Final(ctx, pair)
	Expect(err).NotTo(HaveOccurred())
	return judged(to, pair, states)
}

// newRecorderWith is a new record that begins with operations of an earlier one.
func newRecorderWith(ops []history.Op) *history.Recorder {
	to := newRecorder()
	for _, op := range ops {
		to.Op(op)
	}
	return to
}

// acrossNodes are the gids that were prepared on one node and committed on another, and those that nobody tried to end.
func acrossNodes(run *history.Run) (both, left []string) {
	prepared, ended := map[string]string{}, map[string]bool{}
	for _, op := range run.Ops {
		switch {
		case op.Kind == history.CommitPrepared && op.Outcome == history.OK:
			if on, ok := prepared[op.Token]; ok && on != op.Node {
				both = append(both, op.Token)
			}
			ended[op.Token] = true
		case op.Kind == history.CommitPrepared, op.Kind == history.RollbackPrepared:
			ended[op.Token] = true
		case op.Kind == history.Prepare && op.Outcome == history.OK:
			prepared[op.Token] = op.Node
		}
	}
	for _, op := range run.Ops {
		if op.Kind == history.Prepare && op.Outcome == history.OK && !ended[op.Token] {
			left = append(left, op.Token)
		}
	}
	return both, left
}

func stateOf(run *history.Run, node string) history.NodeState {
	GinkgoHelper()
	for _, state := range run.Final {
		if state.Node == node {
			return state
		}
	}
	Fail("no state of " + node)
	return history.NodeState{}
}
