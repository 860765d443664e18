package selftest

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/check"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
	"github.com/pgcrucible/pgcrucible/harness/timing"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

const (
	knownOutage = time.Second           // the primary is frozen for this long
	outageError = 20 * time.Millisecond // and this is by how much the clients may be wrong about it
	freezes     = 10
)

var _ = Describe("The load", Label("load"), func() {
	It("measures a known outage right, ten times out of ten", func(ctx SpecContext) {
		pair, _ := startPair(ctx, cluster.Pair(cluster.Sync))
		ledger := workload.Ledger{Clients: 8, Rate: 1000, Seed: 7}
		Expect(ledger.Prepare(ctx, pair)).To(Succeed())
		for i := range freezes {
			to, own := newRecorder(), &pulse{}
			var frozen history.Window
			during(ctx, pair, to, func() {
				defer own.beat(ctx)()
				acknowledgedFor(ctx, to, 700*time.Millisecond)
				frozen = freeze(ctx, pair.Nodes()[0], to, knownOutage)
				acknowledgedFor(ctx, to, 300*time.Millisecond)
			}, ledger)
			to.Span(history.Span{Name: history.SpanFault, Node: "pg1", Detail: "freeze", Start: frozen.From, End: frozen.To})
			outage := timing.Of(loaded(to)).Outage
			Expect(outage).NotTo(BeNil())
			GinkgoWriter.Printf("freeze %2d: %v, measured %v; own pulse late by up to %v\n", i+1, frozen.Length(), outage.Length(), own.late)
			Expect(outage.Length()).To(BeNumerically("~", frozen.Length(), outageError+2*own.late), "freeze %d at %v, outage %v", i+1, frozen, *outage)
		}
	}, SpecTimeout(specTimeout))

	It("tells what was committed on the primary only, and what nobody knows, from what is safe", func(ctx SpecContext) {
		pair, to := startPair(ctx, cluster.Pair(cluster.Sync))
		primary, standby := pair.Nodes()[0], pair.Nodes()[1]
		patient := workload.Ledger{Clients: 2, Rate: 40, Timeout: time.Minute}
		hasty := workload.Ledger{Clients: 2, Rate: 40, First: 2, Timeout: 400 * time.Millisecond}
		Expect(patient.Prepare(ctx, pair)).To(Succeed())
		during(ctx, pair, to, func() {
			acknowledgedFor(ctx, to, 300*time.Millisecond)
			Expect(standby.Stop(ctx, cluster.Immediate)).To(Succeed())
			Eventually(outcomes).WithContext(ctx).WithArguments(to).WithTimeout(20*time.Second).WithPolling(100*time.Millisecond).
				Should(HaveKeyWithValue(history.Unknown, BeNumerically(">=", 2)), "the hasty clients give up")
			Eventually(cancelWaits).WithContext(ctx).WithArguments(primary).WithTimeout(10 * time.Second).WithPolling(20 * time.Millisecond).
				Should(BeNumerically(">=", 1))
			Eventually(outcomes).WithContext(ctx).WithArguments(to).WithTimeout(10 * time.Second).WithPolling(100 * time.Millisecond).
				Should(HaveKey(history.LocalOnly))
			Expect(standby.Start(ctx)).To(Succeed())
			acknowledgedFor(ctx, to, 300*time.Millisecond)
		}, patient, hasty)
		run := loaded(to)
		states, err := inspect.Final(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		for _, op := range run.Ops {
			switch op.Outcome {
			case history.LocalOnly:
				Expect(op.SQLState).To(Equal("01000"))
				Expect(states[0].Tokens).To(HaveKey(op.Token), "it was committed")
			case history.Unknown:
				Expect(op.Client).To(BeNumerically(">=", 2), "%+v", op)
				Expect(op.Return-op.Call).To(BeNumerically(">=", 400*time.Millisecond), "%+v", op)
			case history.OK:
				Expect(op.Timeline).To(BeEquivalentTo(1))
				Expect(op.Node).To(Equal("pg1"))
				Expect(op.LSN).NotTo(BeZero())
				Expect(states[0].Tokens).To(HaveKeyWithValue(op.Token, 1))
				Expect(states[1].Tokens).To(HaveKeyWithValue(op.Token, 1))
			case history.Failed:
				Expect(states[0].Tokens).NotTo(HaveKey(op.Token))
			}
		}
	}, SpecTimeout(specTimeout))

	It("probes every node at least every 50 ms, whatever another does", func(ctx SpecContext) {
		pair, to := startPair(ctx, cluster.Pair(cluster.Async))
		standby := pair.Nodes()[1]
		var frozen history.Window
		own := &pulse{}
		during(ctx, pair, to, func() {
			defer own.beat(ctx)()
			Expect(sleep(ctx, 500*time.Millisecond)).To(Succeed())
			frozen = freeze(ctx, standby, to, time.Second)
			Expect(sleep(ctx, 500*time.Millisecond)).To(Succeed())
		}, workload.Sampler{})
		run := loaded(to)
		allowed := 50*time.Millisecond + 2*own.late
		GinkgoWriter.Printf("own pulse late by up to %v\n", own.late)
		for _, node := range pair.Nodes() {
			longest := longestGap(run, node.Name())
			GinkgoWriter.Printf("%s: longest time without a sample %v\n", node, longest)
			Expect(longest).To(BeNumerically("<=", allowed), node.Name())
		}
		for _, s := range run.Samples {
			switch inside := s.At-s.Took > frozen.From && s.At < frozen.To; {
			case s.Node == "pg1" && s.Up:
				Expect(s.Writable && !s.InRecovery && s.Timeline == 1 && s.Write > 0).To(BeTrue(), "%+v", s)
			case s.Node == "pg2" && inside:
				Expect(s.Up).To(BeFalse(), "%+v", s)
			case s.Node == "pg2" && s.Up:
				Expect(!s.Writable && s.InRecovery && s.Timeline == 1 && s.Replay > 0).To(BeTrue(), "%+v", s)
			}
		}
	}, SpecTimeout(specTimeout))
})

var _ = Describe("Final reads", Label("load", "inspect"), func() {
	It("find nothing wrong with a sound pair, and see its files", func(ctx SpecContext) {
		pair, to := startPair(ctx, cluster.Pair(cluster.Sync))
		ledger := workload.Ledger{Clients: 4, Rate: 200}
		Expect(ledger.Prepare(ctx, pair)).To(Succeed())
		during(ctx, pair, to, func() { acknowledgedFor(ctx, to, 500*time.Millisecond) }, ledger)
		states, err := inspect.Final(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		inspect.Verify(ctx, pair, states)
		run := judged(to, pair, states)
		for _, name := range []string{
			"durability", "timelines", "rejoined", "contents", "slots", "prepared", "identity", "checksums", "amcheck", "archive", "logs",
		} {
			verdict := verdictOf(run, name)
			Expect(verdict.Status).To(Equal(history.Pass), "%s: %s %v", name, verdict.Sentence, verdict.Witness)
		}
		for _, state := range states {
			Expect(state.Err).To(BeEmpty())
			Expect(state.Settings["primary_conninfo"]).NotTo(ContainSubstring("password"))
		}
	}, SpecTimeout(specTimeout))

	It("find the row that was deleted behind the ledger's back", func(ctx SpecContext) {
		pair, to := startPair(ctx, cluster.Pair(cluster.Sync))
		ledger := workload.Ledger{Clients: 2, Rate: 100}
		Expect(ledger.Prepare(ctx, pair)).To(Succeed())
		during(ctx, pair, to, func() { acknowledgedFor(ctx, to, 300*time.Millisecond) }, ledger)
		run := loaded(to)
		victim := run.Ops[len(run.Ops)/2]
		Expect(victim.Outcome).To(Equal(history.OK))
		Expect(pair.Nodes()[0].SQL(ctx, "delete from app.ledger where token = $1", victim.Token)).To(Succeed())
		states, err := inspect.Final(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		verdict := verdictOf(judged(to, pair, states), "durability")
		Expect(verdict.Status).To(Equal(history.Fail), verdict.Sentence)
		Expect(verdict.Witness).To(ConsistOf(HaveField("Token", victim.Token)))
	}, SpecTimeout(specTimeout))

	It("find rows that are missing on the standby's disk only, although it streams", func(ctx SpecContext) {
		pair, to := startPair(ctx, cluster.Pair(cluster.Async))
		primary, standby := pair.Nodes()[0], pair.Nodes()[1]
		ledger := workload.Ledger{Clients: 2, Rate: 200}
		Expect(ledger.Prepare(ctx, pair)).To(Succeed())
		during(ctx, pair, to, func() { acknowledgedFor(ctx, to, 300*time.Millisecond) }, ledger)
		var file string
		Expect(primary.Query(ctx, "select pg_relation_filepath('app.ledger')", nil, &file)).To(Succeed())
		writtenOut(ctx, pair)
		restarted(ctx, standby, `cp "$1/$2" "$1/$2.before"`, file)
		during(ctx, pair, to, func() { acknowledgedFor(ctx, to, 300*time.Millisecond) }, ledger)
		writtenOut(ctx, pair)
		restarted(ctx, standby, `cmp -s "$1/$2.before" "$1/$2" && exit 9; cp "$1/$2.before" "$1/$2" && rm "$1/$2.before"`, file)

		states, err := inspect.Final(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		inspect.Verify(ctx, pair, states)
		run := judged(to, pair, states)
		Expect(verdictOf(run, "durability").Status).To(Equal(history.Pass), "the primary has all rows")
		Expect(verdictOf(run, "rejoined").Status).To(Equal(history.Pass), "the standby streams")
		verdict := verdictOf(run, "contents")
		Expect(verdict.Status).To(Equal(history.Fail), verdict.Sentence)
		Expect(verdict.Witness).To(ConsistOf(And(HaveField("Node", "pg2"), HaveField("Detail", ContainSubstring("app.ledger")))))
	}, SpecTimeout(specTimeout))

	It("say so when a page on disk is damaged", func(ctx SpecContext) {
		pair, to := startPair(ctx, cluster.Pair(cluster.Async))
		standby := pair.Nodes()[1]
		Expect(workload.Ledger{Clients: 1}.Prepare(ctx, pair)).To(Succeed())
		var file string
		Expect(pair.Nodes()[0].Query(ctx, "select pg_relation_filepath('app.ballast_pkey')", nil, &file)).To(Succeed())
		writtenOut(ctx, pair)
		restarted(ctx, standby, `printf damaged | dd of="$1/$2" bs=1 seek=4000 conv=notrunc 2>/dev/null`, file)
		states, err := inspect.Final(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		inspect.Verify(ctx, pair, states)
		verdict := verdictOf(judged(to, pair, states), "checksums")
		Expect(verdict.Status).To(Equal(history.Fail), verdict.Sentence)
		Expect(verdict.Witness).To(ConsistOf(HaveField("Node", "pg2")))
	}, SpecTimeout(specTimeout))
})

// newRecorder is for one of several records of one pair.
func newRecorder() *history.Recorder {
	GinkgoHelper()
	to, err := history.Create(filepath.Join(GinkgoT().TempDir(), "record"))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(to.Close)
	return to
}

// runner is a workload or the sampler.
type runner interface {
	Run(ctx context.Context, pair *cluster.Cluster, to *history.Recorder) error
}

// during runs workloads while body does something to the pair.
func during(ctx context.Context, pair *cluster.Cluster, to *history.Recorder, body func(), loads ...runner) {
	GinkgoHelper()
	running, stop := context.WithCancel(ctx)
	var clients sync.WaitGroup
	for _, load := range loads {
		clients.Go(func() {
			defer GinkgoRecover()
			Expect(load.Run(running, pair, to)).To(Succeed())
		})
	}
	defer clients.Wait()
	defer stop()
	body()
}

// pulse is how late this process's own timer was: what a busy machine does to everything on it. Where it is late, what is
// measured may be late too; on a quiet machine that is less than a millisecond.
type pulse struct{ late time.Duration }

// beat starts the pulse and returns what stops it.
func (p *pulse) beat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { p.run(ctx) })
	return func() {
		cancel()
		beating.Wait()
	}
}

func (p *pulse) run(ctx context.Context) {
	const every = 20 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.late = max(p.late, time.Since(last)-every)
			last = time.Now()
		}
	}
}

func longestGap(run *history.Run, node string) (longest time.Duration) {
	var last time.Duration
	for _, s := range run.Samples {
		if s.Node != node {
			continue
		}
		if last != 0 {
			longest = max(longest, s.At-last)
		}
		last = s.At
	}
	return longest
}

// freeze stops every process of a node's PostgreSQL for so long, and says when.
func freeze(ctx context.Context, node *cluster.Node, to *history.Recorder, length time.Duration) history.Window {
	GinkgoHelper()
	var pids []int
	for _, kind := range []cluster.Process{
		cluster.Postmaster, cluster.WALReceiver, cluster.WALSender, cluster.Startup, cluster.Checkpointer, cluster.Archiver, cluster.WALWriter, cluster.Backend,
	} {
		found, err := node.PIDs(ctx, kind)
		Expect(err).NotTo(HaveOccurred())
		pids = append(pids, found...)
	}
	stopped, err := node.SignalPIDs(ctx, syscall.SIGSTOP, pids...)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _, _ = node.SignalPIDs(context.WithoutCancel(ctx), syscall.SIGCONT, pids...) }() // also if what follows fails
	Expect(sleep(ctx, length-time.Since(stopped))).To(Succeed())
	thawed, err := node.SignalPIDs(ctx, syscall.SIGCONT, pids...)
	Expect(err).NotTo(HaveOccurred())
	return history.Window{From: to.At(stopped), To: to.At(thawed)}
}

// sleep lets the time of a known outage pass.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// acknowledgedFor waits until writes have been acknowledged for so long from now on.
func acknowledgedFor(ctx context.Context, to *history.Recorder, length time.Duration) {
	GinkgoHelper()
	until := to.Now() + length
	Eventually(func() (last time.Duration) {
		for _, op := range loaded(to).Ops {
			if op.Outcome == history.OK {
				last = max(last, op.Return)
			}
		}
		return last
	}).WithContext(ctx).WithTimeout(length + 30*time.Second).WithPolling(50 * time.Millisecond).Should(BeNumerically(">=", until))
}

// loaded is what was recorded so far.
func loaded(to *history.Recorder) *history.Run {
	GinkgoHelper()
	Expect(to.Manifest(history.Manifest{Format: 1, Began: to.Began()})).To(Succeed())
	Expect(to.Flush()).To(Succeed())
	run, err := history.Load(to.Dir())
	Expect(err).NotTo(HaveOccurred())
	return run
}

func outcomes(to *history.Recorder) map[history.Outcome]int {
	found := map[history.Outcome]int{}
	for _, op := range loaded(to).Ops {
		found[op.Outcome]++
	}
	return found
}

// cancelWaits cancels every wait for the standby and says how many there were.
func cancelWaits(ctx context.Context, primary *cluster.Node) (n int, err error) {
	// Materialized: else the function may be called before the conditions are looked at, and cancel this query.
	err = primary.Query(ctx, `with waiting as materialized (select pid from pg_stat_activity where wait_event = 'SyncRep' and usename = 'app')
		select count(*) from waiting where pg_cancel_backend(pid)`, nil, &n)
	return n, err
}

// writtenOut has the pages of both nodes on disk, so that nothing is written again when they start. Vacuum sets the hint bits
// first: reading the primary later would set them, and send the whole page to the standby, which mends it.
func writtenOut(ctx context.Context, pair *cluster.Cluster) {
	GinkgoHelper()
	primary, standby := pair.Nodes()[0], pair.Nodes()[1]
	Expect(primary.SQL(ctx, "vacuum app.ledger")).To(Succeed())
	Expect(primary.SQL(ctx, "checkpoint")).To(Succeed())
	token, err := pair.Mark(ctx, primary)
	Expect(err).NotTo(HaveOccurred())
	Expect(standby.AwaitMark(ctx, token)).To(Succeed())
	Expect(standby.SQL(ctx, "checkpoint")).To(Succeed())
}

// restarted does something to a node's data folder, $1, and a file in it, $2, while PostgreSQL is down.
func restarted(ctx context.Context, node *cluster.Node, script, file string) {
	GinkgoHelper()
	Expect(node.Stop(ctx, cluster.Fast)).To(Succeed())
	_, err := node.Shell(ctx, script, node.DataDir(), file)
	Expect(err).NotTo(HaveOccurred())
	Expect(node.Start(ctx)).To(Succeed())
}

// judged is the run with what was found on its nodes.
func judged(to *history.Recorder, pair *cluster.Cluster, states []history.NodeState) *history.Run {
	GinkgoHelper()
	for _, state := range states {
		to.Final(state)
	}
	run := loaded(to)
	for _, node := range pair.Nodes() {
		run.Nodes = append(run.Nodes, history.NodeInfo{Name: node.Name(), Address: node.Address()})
	}
	run.Commit = string(pair.Topology().Commit)
	return run
}

func verdictOf(run *history.Run, name string) history.Verdict {
	GinkgoHelper()
	var names []string
	for _, checker := range check.All() {
		if checker.Name() == name {
			return check.Judge(run, []check.Checker{checker})[0]
		}
		names = append(names, checker.Name())
	}
	Fail("no checker " + name + " among " + strings.Join(names, ", "))
	return history.Verdict{}
}
