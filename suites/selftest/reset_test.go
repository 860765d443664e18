package selftest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
	"github.com/pgcrucible/pgcrucible/harness/judge"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
	"github.com/pgcrucible/pgcrucible/scenarios"
)

// A pair that is reset between repetitions must be what a fresh one is, whatever was done to it, or it must be refused.
var _ = Describe("A pair that is reset", Label("reset"), Ordered, func() {
	var (
		pair  *cluster.Cluster
		later *history.Recorder // of the pair once it is reset
		first inspect.Beginning // of the fresh pair
	)

	BeforeAll(func(ctx SpecContext) {
		topology := cluster.Pair(cluster.Sync)
		topology.Rows = 1000
		pair, _ = startPair(ctx, topology)
		DeferCleanup(func(ctx SpecContext) error { return pair.Close(ctx) }, NodeTimeout(closeWithin)) // the one that it is by then
		var err error
		later, err = history.Create(filepath.Join(GinkgoT().TempDir(), "later"))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(later.Close)
		first, err = inspect.Begin(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(specTimeout))

	It("equals a fresh one, although it was spoiled in every way that comes to mind", func(ctx SpecContext) {
		old := pair.Nodes()
		spoil(ctx, pair)
		spoilt, err := inspect.Begin(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		different := strings.Join(spoilt.Differences(first), "\n")
		for _, what := range []string{
			"rows of app.extra", "rows of app.ballast", "definitions", "slot left_over", "slot old_days", "setting work_mem", "role stranger", "/archive/odd",
			"/pg/data/odd", "/pg/odd", "/tmp/odd", "the system identifier is the same",
		} {
			Expect(different).To(ContainSubstring(what), "what was spoiled is not seen")
		}
		_, err = old[0].Kill(ctx)
		Expect(err).NotTo(HaveOccurred())
		_, err = old[1].StartBeside(ctx, nil, "/agent")
		Expect(err).NotTo(HaveOccurred())

		pair, err = pair.Reset(ctx, cluster.Config{Topology: pair.Topology(), Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: labels, Recorder: later})
		Expect(err).NotTo(HaveOccurred())
		now, err := inspect.Begin(ctx, pair)
		Expect(err).NotTo(HaveOccurred())
		Expect(now.Differences(first)).To(BeEmpty())
		Expect(now.Count()).To(BeNumerically(">", 600), "all settings of two nodes, and more")
		for i, n := range pair.Nodes() {
			Expect(n.Timeline(ctx)).To(BeEquivalentTo(1))
			Expect(n.Address()).To(Equal(old[i].Address()))
			Expect(n.Log(ctx, 0)).NotTo(ContainSubstring("FATAL"))
			_, err := old[i].Connect(ctx, cluster.App)
			Expect(err).To(MatchError(ContainSubstring("password authentication failed")), "the passwords are the old ones")
		}
		docker, err := image.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(docker.Close)
		_, err = docker.ContainerInspect(ctx, old[0].Container(), client.ContainerInspectOptions{})
		Expect(err).To(MatchError(ContainSubstring("No such container")), "the old container is still there")
		left := shell(ctx, `docker ps -a --format '{{.Names}}' | grep "$1" | sort`, strings.TrimSuffix(old[0].Container(), "pg1"))
		Expect(strings.Fields(left)).To(ConsistOf(pair.Nodes()[0].Container(), pair.Nodes()[1].Container(), old[0].Sandbox(), old[1].Sandbox()))
	}, SpecTimeout(specTimeout))

	It("is refused while a rule is left in a sandbox", func(ctx SpecContext) {
		Expect(fault.Clean(ctx, pair)).To(Succeed())
		leaveRule(ctx, pair.Nodes()[1])
		Expect(fault.Clean(ctx, pair)).To(MatchError(And(ContainSubstring("sandbox of pg2"), ContainSubstring("left-over"))))
	}, SpecTimeout(specTimeout))

	It("fails over like any other", func(ctx SpecContext) {
		_, err := pair.Nodes()[0].Kill(ctx)
		Expect(err).NotTo(HaveOccurred())
		_, err = procedure.Manual{}.Failover(ctx, pair, procedure.FailoverOptions{})
		Expect(err).NotTo(HaveOccurred())
		back, err := procedure.Manual{}.Rejoin(ctx, pair, pair.Nodes()[0])
		Expect(err).NotTo(HaveOccurred())
		Expect(back.How).To(Equal(procedure.Rewound))
	}, SpecTimeout(specTimeout))
})

// spoil leaves what a run should not find.
func spoil(ctx context.Context, pair *cluster.Cluster) {
	GinkgoHelper()
	primary, standby := pair.Nodes()[0], pair.Nodes()[1]
	for _, statement := range []string{
		`create table app.extra as select 1 as one`, `update app.ballast set filler = 'other' where id = 7`, `create role stranger`,
		`select pg_create_physical_replication_slot('left_over', true)`, `alter system set work_mem = '3MB'`, `select pg_reload_conf()`,
	} {
		Expect(primary.SQL(ctx, statement)).To(Succeed(), statement)
	}
	Expect(standby.SQL(ctx, `select pg_create_physical_replication_slot('old_days', true)`)).To(Succeed())
	for _, n := range []*cluster.Node{primary, standby} {
		_, err := n.Shell(ctx, `for d in "$@"; do : >"$d/odd"; done`, n.DataDir(), n.DataDir()+"/..", n.ArchiveDir(), "/tmp")
		Expect(err).NotTo(HaveOccurred())
	}
	Eventually(func(ctx context.Context) string { return setting(ctx, primary, "work_mem") }).WithContext(ctx).
		WithTimeout(time.Minute).WithPolling(50 * time.Millisecond).Should(Equal("3MB"))
	token, err := pair.Mark(ctx, primary)
	Expect(err).NotTo(HaveOccurred())
	Expect(standby.AwaitMark(ctx, token)).To(Succeed())
}

// leaveRule puts a rule into a node's sandbox that nobody will take away.
func leaveRule(ctx context.Context, n *cluster.Node) {
	GinkgoHelper()
	agent := wire.NewClient(n.Agent())
	DeferCleanup(agent.Close)
	_, err := agent.Do(ctx, wire.Request{Do: wire.Apply, Rules: []wire.Rule{
		{ID: "left-over", Direction: wire.In, Peers: []string{"198.51.100.7"}, Action: wire.Drop, LeaseMillis: 60_000},
	}})
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("Repetitions of a story", Label("reset"), func() {
	It("have one pair reset between them, and a fresh one after anything doubtful", func(ctx SpecContext) {
		stock, out := &scenarios.Stock{}, GinkgoT().TempDir()
		DeferCleanup(stock.Close, NodeTimeout(closeWithin))
		var pair *cluster.Cluster
		play := func(repetition int, wrong error) (*history.Run, error) {
			story := scenarios.Scenario{
				Name: "repeated", Story: "A story of the self-test.", Levels: []cluster.CommitLevel{cluster.Async}, Budget: history.Budget{Outage: specTimeout},
				Steps: func(ctx context.Context, s *scenarios.Stage) error {
					pair = s.Cluster()
					if err := s.Acknowledged(ctx, 20); err != nil {
						return err
					}
					return wrong
				},
			}
			dir, played := scenarios.Play(ctx, story, scenarios.Setup{
				Ready: ready, Labels: labels, Procedure: procedure.Manual{}, Level: cluster.Async, Seed: 1, Repetition: repetition,
				Clients: 2, Rate: 60, MinBefore: 10, Out: out, Stock: stock,
			})
			run, err := history.Load(dir)
			Expect(err).NotTo(HaveOccurred())
			for _, v := range judge.Of(run).Verdicts {
				GinkgoWriter.Printf("%-8s %-14s %s\n", v.Status, v.Checker, v.Sentence)
			}
			return run, played
		}

		run, err := play(1, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(run.Pair).To(Equal("fresh"))
		Expect(judge.Of(run).Overall()).To(Equal(history.Pass))
		Expect(stock.Holds()).To(BeTrue())
		former := pair

		run, err = play(2, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(run.Pair).To(HavePrefix("reset; equal to the fresh one in "))
		Expect(judge.Of(run).Overall()).To(Equal(history.Pass))
		Expect(pair.Nodes()[0].Sandbox()).To(Equal(former.Nodes()[0].Sandbox()))
		leaveRule(ctx, pair.Nodes()[0])

		run, err = play(3, fmt.Errorf("gone wrong on purpose"))
		Expect(err).To(MatchError(ContainSubstring("on purpose")))
		Expect(run.Pair).To(And(HavePrefix("fresh, because"), ContainSubstring("left-over")))
		Expect(pair.Nodes()[0].Sandbox()).NotTo(Equal(former.Nodes()[0].Sandbox()))
		Expect(stock.Holds()).To(BeFalse(), "the pair of a run that went wrong was kept")
	}, SpecTimeout(storyTimeout))
})
