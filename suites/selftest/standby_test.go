package selftest

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/check/txn"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// What a standby shows: behind, which all levels but remote_apply allow, and in another order than its primary.
var _ = Describe("Reads on a standby", Ordered, Label("transactions"), func() {
	var pair *cluster.Cluster
	var primary, standby *cluster.Node

	BeforeAll(func(ctx SpecContext) {
		pair, _ = startPair(ctx, cluster.Pair(cluster.Sync))
		primary, standby = pair.Nodes()[0], pair.Nodes()[1]
	}, NodeTimeout(specTimeout))

	It("may be behind, and under remote_apply may not", func(ctx SpecContext) {
		load := workload.Register{Shape: workload.Shape{Clients: 4, Rate: 200, Seed: 2, Timeout: 20 * time.Second}, Keys: 2, Standby: true}
		Expect(load.Prepare(ctx, pair)).To(Succeed())
		replayed(ctx, pair)
		to := newRecorder()
		during(ctx, pair, to, func() {
			acknowledgedFor(ctx, to, 500*time.Millisecond)
			Expect(standby.SQL(ctx, "select pg_wal_replay_pause()")).To(Succeed())
			acknowledgedFor(ctx, to, time.Second)
			Expect(standby.SQL(ctx, "select pg_wal_replay_resume()")).To(Succeed())
		}, load)
		run := loaded(to)
		verdict := verdictOf(run, "standby-reads")
		GinkgoWriter.Println(verdict.Sentence)
		Expect(verdict.Status).To(Equal(history.Pass), verdict.Sentence)
		Expect(verdict.Sentence).To(ContainSubstring("missed a write acknowledged before"))
		Expect(verdictOf(run, "linearizable").Status).To(Equal(history.Pass), "what a standby shows is not judged as one copy")
		run.Commit = string(cluster.RemoteApply)
		verdict = verdictOf(run, "standby-reads")
		Expect(verdict.Status).To(Equal(history.Fail), "had it been promised: %s", verdict.Sentence)
		Expect(verdict.Witness).NotTo(BeEmpty())
		Expect(verdict.Witness[0].Node).To(Equal(standby.Name()))
	}, SpecTimeout(specTimeout))

	// A commit that waits for a standby which never answers is on the other standby long before its own primary shows it.
	It("show a long fork between primary and standby", func(ctx SpecContext) {
		Expect(workload.Append{}.Prepare(ctx, pair)).To(Succeed())
		replayed(ctx, pair)
		Expect(primary.SQL(ctx, "alter system set synchronous_standby_names = 'FIRST 2 (pg2, nobody)'")).To(Succeed())
		Expect(primary.SQL(ctx, "select pg_reload_conf()")).To(Succeed())
		asks(ctx, primary, "select current_setting('synchronous_standby_names') like '%nobody%'")
		f := &fork{to: newRecorder()}

		both := []string{"x", "y"}
		waits := make(chan history.Op, 1)
		go func() {
			defer GinkgoRecover()
			waits <- f.transact(ctx, primary, step{client: 1, appends: []string{"x"}, outcome: history.LocalOnly})
		}()
		asks(ctx, standby, "select exists (select from app.append where k = 'x')")
		onStandby := f.transact(ctx, standby, step{client: 2, reads: both, outcome: history.OK})
		f.transact(ctx, primary, step{client: 3, appends: []string{"y"}, asynchronous: true, outcome: history.OK})
		onPrimary := f.transact(ctx, primary, step{client: 4, reads: both, outcome: history.OK})
		Expect(waits).To(BeEmpty(), "the first is still waiting")
		Eventually(func(g Gomega) {
			_, err := cancelWaits(ctx, primary)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(waits).NotTo(BeEmpty())
		}).WithContext(ctx).WithTimeout(time.Minute).WithPolling(20 * time.Millisecond).Should(Succeed())
		f.transact(ctx, primary, step{client: 5, reads: both, outcome: history.OK})
		Expect(onStandby.Txn).To(HaveExactElements(HaveField("List", HaveLen(1)), HaveField("List", BeEmpty())))
		Expect(onPrimary.Txn).To(HaveExactElements(HaveField("List", BeEmpty()), HaveField("List", HaveLen(1))))

		run := loaded(f.to)
		report, err := txn.Analyze(run.Ops, txn.Options{RealTime: true})
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Find(txn.LongFork)).NotTo(BeNil())
		verdict := verdictOf(run, "serializability")
		Expect(verdict.Status).To(Equal(history.Fail), verdict.Sentence)
		Expect(verdict.Sentence).To(And(ContainSubstring("long fork"), ContainSubstring("not snapshot isolation")))
		var told strings.Builder
		for _, w := range verdict.Witness {
			GinkgoWriter.Println(w.Detail)
			told.WriteString(w.Detail + "\n")
		}
		Expect(told.String()).To(And(ContainSubstring("step 4 of 4"), ContainSubstring("on pg2"), ContainSubstring("LSN"), ContainSubstring("rw: the first read key"),
			ContainSubstring("wr: the first wrote"), ContainSubstring("insert into app.append")))
	}, SpecTimeout(specTimeout))
})

// replayed waits until the standby has what its primary has.
func replayed(ctx context.Context, pair *cluster.Cluster) {
	GinkgoHelper()
	token, err := pair.Mark(ctx, pair.Nodes()[0])
	Expect(err).NotTo(HaveOccurred())
	Expect(pair.Nodes()[1].AwaitMark(ctx, token)).To(Succeed())
}

// asks waits until a node says yes.
func asks(ctx context.Context, node *cluster.Node, query string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var yes bool
		g.Expect(node.Query(ctx, query, nil, &yes)).To(Succeed())
		g.Expect(yes).To(BeTrue())
	}).WithContext(ctx).WithTimeout(time.Minute).WithPolling(10 * time.Millisecond).Should(Succeed())
}

// fork is a history whose steps are put into their order by hand.
type fork struct{ to *history.Recorder }

// step is one repeatable-read transaction: it appends the client's number to some lists, and then reads some.
type step struct {
	client       int
	appends      []string
	reads        []string
	asynchronous bool // its commit waits for nobody
	outcome      history.Outcome
}

func (f *fork) transact(ctx context.Context, node *cluster.Node, s step) history.Op {
	GinkgoHelper()
	const appendSQL = `insert into app.append as a (k, list) values ($1, array[$2::bigint]) on conflict (k) do update set list = a.list || excluded.list`
	const readSQL = `select coalesce((select list from app.append where k = $1), '{}')`
	conn, err := node.Connect(ctx, cluster.App)
	Expect(err).NotTo(HaveOccurred())
	defer conn.Close(ctx)
	if s.asynchronous {
		_, err := conn.Exec(ctx, "set synchronous_commit = off")
		Expect(err).NotTo(HaveOccurred())
	}
	op := history.Op{Workload: "fork", Client: s.client, Kind: history.Txn, Isolation: history.RepeatableRead, Outcome: s.outcome, Call: f.to.Now()}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	Expect(err).NotTo(HaveOccurred())
	for _, key := range s.appends {
		op.Txn = append(op.Txn, history.Access{Write: true, Key: key, Value: int64(s.client), SQL: appendSQL})
		_, err := tx.Exec(ctx, appendSQL, key, s.client)
		Expect(err).NotTo(HaveOccurred())
	}
	for _, key := range s.reads {
		a := history.Access{Key: key, SQL: readSQL}
		Expect(tx.QueryRow(ctx, readSQL, key).Scan(&a.List)).To(Succeed())
		op.Txn = append(op.Txn, a)
	}
	var lsn string
	Expect(tx.QueryRow(ctx, `select current_setting('cluster_name'), pg_is_in_recovery(),
		case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text`).Scan(&op.Node, &op.Standby, &lsn)).To(Succeed())
	op.LSN, err = pg.ParseLSN(lsn)
	Expect(err).NotTo(HaveOccurred())
	Expect(tx.Commit(ctx)).To(Succeed())
	op.Return = f.to.Now()
	f.to.Op(op)
	return op
}
