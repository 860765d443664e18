package selftest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/check"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// trialTimeout is for one step: it takes a second or two, on a machine that many share much longer.
const trialTimeout = 5 * time.Minute

// Every verdict must be able to fail on a real pair. One pair is written to for a moment and then spoiled in one way after the
// other; each time the nodes are read as at the end of a run, and the checkers judge that together with the record. What can be
// undone is undone, what cannot comes last.
var _ = Describe("A verdict on a real pair", Ordered, Label("verdicts"), func() {
	var v *trial

	BeforeAll(func(ctx SpecContext) {
		topology := cluster.Pair(cluster.Async)
		topology.Settings = map[string]string{"max_prepared_transactions": "2"}
		pair, recorder := startPair(ctx, topology)
		v = &trial{pair: pair, recorder: recorder, primary: pair.Nodes()[0], standby: pair.Nodes()[1]}
		Expect(workload.Ledger{}.Prepare(ctx, pair)).To(Succeed())
		v.work(ctx, 200, workload.Ledger{Clients: 4, Rate: 200, Seed: 1})
	}, NodeTimeout(trialTimeout))

	It("is good when nothing is wrong", func(ctx SpecContext) {
		v.only(v.look(ctx), nil, nil)
	}, SpecTimeout(trialTimeout))

	It("finds a row of the ledger that was deleted behind its back", func(ctx SpecContext) {
		token := v.run().Acknowledged()[7].Token
		v.sql(ctx, v.primary, `delete from app.ledger where token = $1`, token)
		verdicts := v.only(v.look(ctx), []string{"durability"}, nil)
		Expect(verdicts["durability"].Witness).To(ConsistOf(HaveField("Token", token)))
		v.sql(ctx, v.primary, `insert into app.ledger (token, client, seq, timeline, node) values ($1, 0, 0, 1, 'pg1')`, token)
	}, SpecTimeout(trialTimeout))

	It("finds a row that is there twice, and one that nobody wrote", func(ctx SpecContext) {
		token := v.run().Acknowledged()[8].Token
		const again = `insert into app.ledger (token, client, seq, timeline, node) values ($1, 0, 0, 1, 'pg1')`
		v.sql(ctx, v.primary, again, "nobody's")
		Expect(v.only(v.look(ctx), nil, []string{"durability"})["durability"].Sentence).To(ContainSubstring("no recorded operation"))
		v.sql(ctx, v.primary, `delete from app.ledger where token = $1`, "nobody's")

		v.sql(ctx, v.primary, `alter table app.ledger drop constraint ledger_pkey`)
		v.sql(ctx, v.primary, again, token)
		verdicts := v.only(v.look(ctx), []string{"durability"}, nil)
		Expect(verdicts["durability"].Sentence).To(ContainSubstring("more than once"))
		v.sql(ctx, v.primary, `delete from app.ledger where token = $1`, token)
		v.sql(ctx, v.primary, again, token)
		v.sql(ctx, v.primary, `alter table app.ledger add primary key (token)`)
	}, SpecTimeout(trialTimeout))

	It("finds a slot that nobody uses", func(ctx SpecContext) {
		v.sql(ctx, v.primary, `select pg_create_physical_replication_slot('left_over', true)`)
		Expect(v.only(v.look(ctx), []string{"slots"}, nil)["slots"].Sentence).To(ContainSubstring("left_over"))
		v.sql(ctx, v.primary, `select pg_drop_replication_slot('left_over')`)
	}, SpecTimeout(trialTimeout))

	It("finds a stale slot on the standby", func(ctx SpecContext) {
		v.sql(ctx, v.standby, `select pg_create_physical_replication_slot('old_days', true)`)
		Expect(v.only(v.look(ctx), []string{"slots"}, nil)["slots"].Witness).To(ConsistOf(HaveField("Node", v.standby.Name())))
		v.sql(ctx, v.standby, `select pg_drop_replication_slot('old_days')`)
	}, SpecTimeout(trialTimeout))

	It("finds an orphan prepared transaction", func(ctx SpecContext) {
		v.sql(ctx, v.primary, `begin; create table app.orphan (i int); prepare transaction 'orphan'`)
		v.only(v.look(ctx), []string{"prepared"}, nil)
		v.sql(ctx, v.primary, `rollback prepared 'orphan'`)
	}, SpecTimeout(trialTimeout))

	It("finds another node's settings, as a rewind leaves them", func(ctx SpecContext) {
		v.sql(ctx, v.primary, `alter system set primary_conninfo = 'host=10.0.0.1 user=replica'`)
		v.reloaded(ctx, v.primary, "primary_conninfo", "host=10.0.0.1 user=replica")
		v.only(v.look(ctx), []string{"identity"}, nil)
		v.sql(ctx, v.primary, `alter system reset primary_conninfo`)
		v.reloaded(ctx, v.primary, "primary_conninfo", "")
	}, SpecTimeout(trialTimeout))

	It("finds an archive that fails", func(ctx SpecContext) {
		v.sql(ctx, v.primary, `alter system set archive_command = 'false'`)
		v.reloaded(ctx, v.primary, "archive_command", "false")
		v.sql(ctx, v.primary, `select pg_switch_wal()`)
		v.eventually(ctx, v.primary, `select failed_count > 0 from pg_stat_archiver`)
		v.only(v.look(ctx), []string{"archive"}, nil)
		v.sql(ctx, v.primary, `alter system reset archive_command`)
		v.sql(ctx, v.primary, `select pg_reload_conf()`)
		v.eventually(ctx, v.primary, `select last_archived_time > last_failed_time from pg_stat_archiver`)
		v.sql(ctx, v.primary, `select pg_stat_reset_shared('archiver')`)
	}, SpecTimeout(trialTimeout))

	It("finds a standby that is not there", func(ctx SpecContext) {
		Expect(v.standby.Stop(ctx, cluster.Fast)).To(Succeed())
		final := v.look(ctx)
		Expect(v.standby.Start(ctx)).To(Succeed())
		v.only(final, []string{"rejoined", "slots"}, []string{"contents", "prepared", "identity", "archive", "logs"})
		v.streaming(ctx)
	}, SpecTimeout(trialTimeout))

	It("finds a table that was altered on the standby's disk, its checksums in order", func(ctx SpecContext) {
		v.alterOnDisk(ctx)
		verdicts := v.only(v.look(ctx), []string{"contents"}, nil)
		Expect(verdicts["contents"].Witness).To(ConsistOf(HaveField("Detail", ContainSubstring("app.victim"))))
		v.sql(ctx, v.primary, `drop table app.victim`)
	}, SpecTimeout(trialTimeout))

	It("is good again when all was undone", func(ctx SpecContext) {
		v.only(v.look(ctx), nil, nil)
	}, SpecTimeout(trialTimeout))

	It("finds a FATAL that no story explains", func(ctx SpecContext) {
		config, err := pgx.ParseConfig(v.primary.DSN(cluster.App))
		Expect(err).NotTo(HaveOccurred())
		config.Password = "not the password"
		_, err = pgx.ConnectConfig(ctx, config)
		Expect(err).To(MatchError(ContainSubstring("28P01")))
		Expect(v.only(v.look(ctx), []string{"logs"}, nil)["logs"].Sentence).To(ContainSubstring("28P01"))
	}, SpecTimeout(trialTimeout))

	It("finds an old primary that nobody fenced", func(ctx SpecContext) {
		loads := []workload.Ledger{{Clients: 1, Rate: 100, Node: v.primary.Name(), First: 100}, {Clients: 1, Rate: 100, Node: v.standby.Name(), First: 200}}
		v.sql(ctx, v.standby, `select pg_promote()`)
		v.work(ctx, 30, loads...)
		final := v.look(ctx)
		verdicts := v.judge(final)
		Expect(verdicts["one-writable"].Status).To(Equal(history.Fail))
		Expect(verdicts["one-writable"].Sentence).To(And(ContainSubstring("at once"), ContainSubstring("timeline 1"), ContainSubstring("timeline 2")))
		Expect(verdicts["rejoined"].Status).To(Equal(history.Fail))
		Expect(verdicts["durability"].Status).To(Equal(history.Undecided))

		By("intending it")
		run := v.run()
		run.Final, run.Budget.TwoWrite, run.Expect.Overlap = final, true, true
		Expect(check.Judge(run, check.All())).To(ContainElement(And(HaveField("Checker", "one-writable"), HaveField("Status", history.Pass))))
	}, SpecTimeout(trialTimeout))

	It("finds a page that was damaged on disk", func(ctx SpecContext) {
		final := v.look(ctx)
		v.damage(ctx, v.standby)
		inspect.Verify(ctx, v.pair, final)
		verdicts := v.judge(final)
		Expect(verdicts["checksums"].Status).To(Equal(history.Fail), verdicts["checksums"].Sentence)
		Expect(verdicts["checksums"].Witness).To(ConsistOf(HaveField("Node", v.standby.Name())))
		Expect(verdicts["amcheck"].Status).To(Equal(history.Pass), verdicts["amcheck"].Sentence)
	}, SpecTimeout(trialTimeout))
})

// trial is a pair that verdicts are tried on, and its record.
type trial struct {
	pair             *cluster.Cluster
	recorder         *history.Recorder
	primary, standby *cluster.Node
}

// work has clients write, and the sampler watch, until each load got so many acknowledgements and each node was seen. Both are
// patient, so that it comes to that on a busy machine too.
func (v *trial) work(ctx context.Context, enough int, loads ...workload.Ledger) {
	GinkgoHelper()
	before := v.seen()
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	writing, stop := context.WithCancel(ctx)
	defer stop()
	watched, done := make(chan error, 1), make(chan error, len(loads))
	go func() { watched <- workload.Sampler{Timeout: 10 * time.Second}.Run(watching, v.pair, v.recorder) }()
	for _, load := range loads {
		load.Timeout = 20 * time.Second
		go func() {
			done <- v.recorder.Do(history.SpanLoad, "", func(*history.Span) error { return load.Run(writing, v.pair, v.recorder) })
		}()
	}
	Eventually(func(g Gomega) {
		select {
		case err := <-done:
			StopTrying("a load ended by itself").Wrap(err).Now()
		default:
		}
		now := v.seen()
		for _, load := range loads {
			node := "acknowledged by " + cmp.Or(load.Node, v.primary.Name())
			g.Expect(now[node]-before[node]).To(BeNumerically(">=", enough), "%s: %v", node, now)
		}
		for _, node := range v.pair.Nodes() {
			g.Expect(now["answers of "+node.Name()] - before["answers of "+node.Name()]).To(BeNumerically(">=", 10))
		}
	}).WithContext(ctx).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).Should(Succeed())
	stop()
	for range loads {
		Expect(<-done).To(Succeed())
	}
	unwatch()
	Expect(<-watched).To(Succeed())
}

// seen counts what the record has so far: acknowledgements and answered probes of each node, and what went wrong.
func (v *trial) seen() map[string]int {
	GinkgoHelper()
	seen, run := map[string]int{}, v.run()
	for _, op := range run.Ops {
		if op.Outcome != history.OK {
			seen[op.Outcome.String()+": "+op.Err]++
			continue
		}
		seen["acknowledged by "+op.Node]++
	}
	for _, sample := range run.Samples {
		if sample.Up {
			seen["answers of "+sample.Node]++
		}
	}
	return seen
}

// run is what was recorded so far, as a story in which nothing was done to the pair.
func (v *trial) run() *history.Run {
	GinkgoHelper()
	Expect(v.recorder.Manifest(history.Manifest{
		Format: 1, ID: "verdicts", Scenario: "verdicts", Commit: "async", Began: v.recorder.Began(), Ended: time.Now(),
		Nodes: []history.NodeInfo{{Name: v.primary.Name(), Role: "primary"}, {Name: v.standby.Name(), Role: "standby"}}, Budget: history.Budget{MinBefore: 20},
	})).To(Succeed())
	Expect(v.recorder.Flush()).To(Succeed())
	run, err := history.Load(v.recorder.Dir())
	Expect(err).NotTo(HaveOccurred())
	return run
}

// look reads the nodes as at the end of a run, without the verification of files, which stops them.
func (v *trial) look(ctx context.Context) []history.NodeState {
	GinkgoHelper()
	final, err := inspect.Final(ctx, v.pair)
	Expect(err).NotTo(HaveOccurred())
	return final
}

func (v *trial) judge(final []history.NodeState) map[string]history.Verdict {
	GinkgoHelper()
	run := v.run()
	run.Final = final
	verdicts := make(map[string]history.Verdict)
	for _, verdict := range check.Judge(run, check.All()) {
		GinkgoWriter.Printf("%-8s %-12s %s\n", verdict.Status, verdict.Checker, verdict.Sentence)
		verdicts[verdict.Checker] = verdict
	}
	return verdicts
}

// only expects these checkers to fail, these to say unknown, and all others to pass. Files were not verified, and that must be said.
func (v *trial) only(final []history.NodeState, fails, blind []string) map[string]history.Verdict {
	GinkgoHelper()
	verdicts := v.judge(final)
	blind = append(blind, "checksums", "amcheck")
	for name, verdict := range verdicts {
		want := history.Pass
		switch {
		case slices.Contains(fails, name):
			want = history.Fail
		case slices.Contains(blind, name):
			want = history.Undecided
		}
		Expect(verdict.Status).To(Equal(want), "%s: %s", name, verdict.Sentence)
	}
	return verdicts
}

func (v *trial) sql(ctx context.Context, on *cluster.Node, query string, args ...any) {
	GinkgoHelper()
	Expect(on.SQL(ctx, query, args...)).To(Succeed(), query)
}

// eventually waits until a query returns true.
func (v *trial) eventually(ctx context.Context, on *cluster.Node, query string, args ...any) {
	GinkgoHelper()
	Eventually(func(ctx context.Context) (yes bool, err error) {
		err = on.Query(ctx, query, args, &yes)
		return yes, err
	}).WithContext(ctx).WithTimeout(30*time.Second).WithPolling(20*time.Millisecond).Should(BeTrue(), query)
}

func (v *trial) reloaded(ctx context.Context, on *cluster.Node, setting, value string) {
	GinkgoHelper()
	v.sql(ctx, on, `select pg_reload_conf()`)
	v.eventually(ctx, on, `select current_setting($1) = $2`, setting, value)
}

// streaming waits until the standby has received all that the primary has written.
func (v *trial) streaming(ctx context.Context) {
	GinkgoHelper()
	v.eventually(ctx, v.primary, `select coalesce(bool_or(state = 'streaming' and replay_lsn >= pg_current_wal_flush_lsn()), false) from pg_stat_replication`)
}

// flushed has both nodes write all pages to disk, at one point of the WAL.
func (v *trial) flushed(ctx context.Context) {
	GinkgoHelper()
	v.sql(ctx, v.primary, `checkpoint`)
	v.streaming(ctx)
	v.sql(ctx, v.standby, `checkpoint`)
}

// alterOnDisk gives a table on the standby an older state of its file: whole pages, their checksums in order, so that it
// streams, agrees on every LSN, and has another row than the primary.
func (v *trial) alterOnDisk(ctx context.Context) {
	GinkgoHelper()
	// Frozen, so that no reader changes a hint bit later: the first such change after a checkpoint logs the whole page, and
	// replaying that would heal the standby.
	v.sql(ctx, v.primary, `create table app.victim as select 1 as id, 'old' as value`)
	v.sql(ctx, v.primary, `vacuum (freeze) app.victim`)
	v.flushed(ctx)
	var path string
	Expect(v.standby.Query(ctx, `select pg_relation_filepath('app.victim')`, nil, &path)).To(Succeed())
	path = v.standby.DataDir() + "/" + path
	shell := func(script string, args ...string) {
		GinkgoHelper()
		_, err := v.standby.Shell(ctx, script, args...)
		Expect(err).NotTo(HaveOccurred())
	}
	shell(`cp "$1" "$1.old"`, path)
	v.sql(ctx, v.primary, `update app.victim set value = 'new'`)
	v.sql(ctx, v.primary, `vacuum (freeze) app.victim`)
	v.flushed(ctx)
	Expect(v.standby.Stop(ctx, cluster.Fast)).To(Succeed())
	shell(`mv "$1.old" "$1"`, path)
	Expect(v.standby.Start(ctx)).To(Succeed())
	v.streaming(ctx)
}

// damage overwrites a few bytes of a table's page on disk that the server has in memory and does not write again.
func (v *trial) damage(ctx context.Context, on *cluster.Node) {
	GinkgoHelper()
	v.sql(ctx, on, `checkpoint`)
	var path string
	Expect(on.Query(ctx, `select pg_relation_filepath('app.ledger')`, nil, &path)).To(Succeed())
	_, err := on.Shell(ctx, `printf 'damaged on disk.' | dd of="$1" bs=1 seek=8000 conv=notrunc 2>/dev/null`, on.DataDir()+"/"+path)
	Expect(err).NotTo(HaveOccurred())
}
