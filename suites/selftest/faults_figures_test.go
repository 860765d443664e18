package selftest

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// glimpse is one look at whether a link lets packets out.
type glimpse struct {
	asked, answered time.Duration
	open            bool
}

// watch asks the agent of one node again and again to send to another, and notes whether the kernel let it, until stopped: another
// means than the fault's own, on the run's clock.
func watch(ctx context.Context, from, to *cluster.Node, recorder *history.Recorder) (stop func() []glimpse) {
	ctx, cancel := context.WithCancel(ctx)
	seen := make(chan []glimpse, 1)
	agent := wire.NewClient(from.Agent())
	go func() {
		defer agent.Close()
		var glimpses []glimpse
		for ctx.Err() == nil {
			asked := recorder.Now()
			request := wire.Request{Do: wire.Send, Nonce: "glimpse", Count: 1, To: net.JoinHostPort(to.Address(), "7070")}
			if timing, err := agent.Do(ctx, request); err == nil {
				glimpses = append(glimpses, glimpse{asked, recorder.Now(), timing.Reply.Outcome == "sent"})
			}
		}
		seen <- glimpses
	}()
	return func() []glimpse { cancel(); return <-seen }
}

// edges are between which moments the link was shut and opened again.
func edges(glimpses []glimpse) (shut, opened [2]time.Duration) {
	for i := 1; i < len(glimpses); i++ {
		before, after := glimpses[i-1], glimpses[i]
		if before.open && !after.open {
			shut = [2]time.Duration{before.asked, after.answered}
		}
		if !before.open && after.open {
			opened = [2]time.Duration{before.asked, after.answered}
		}
	}
	return shut, opened
}

var _ = Describe("The times of a cut", Label("faults", "times"), func() {
	const accuracy = 5 * time.Millisecond

	It("in the history are right", func(ctx SpecContext) {
		b := startBench(ctx, cluster.Pair(cluster.Async))
		primary, standby := b.nodes(ctx)
		stop := watch(ctx, standby, primary, b.recorder)
		in, err := b.runner.Inject(ctx, fault.Cut{From: fault.Standby(), To: fault.Primary(), OneWay: true})
		Expect(err).NotTo(HaveOccurred())
		Expect(b.runner.Heal(ctx)).To(Succeed())
		shut, opened := edges(stop())
		began := b.recorder.At(in.Began())
		margin, err := time.ParseDuration(in.Evidence.Values["margin"]) // half the way to the agent and back: a busy machine's share of the error
		Expect(err).NotTo(HaveOccurred())
		tolerance := accuracy + margin
		AddReportEntry("cut", map[string]any{"shut between": shut, "began": began, "opened between": opened, "healed": b.recorder.At(in.Healed())})
		Expect(began).To(And(BeNumerically(">=", shut[0]-tolerance), BeNumerically("<=", shut[1]+tolerance)))
		Expect(b.recorder.At(in.Healed())).To(And(BeNumerically(">=", opened[0]-tolerance), BeNumerically("<=", opened[1]+tolerance)))
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
})

var _ = Describe("What faults cost", Label("long", "figures"), func() {
	It("injection to effect of a cut, twenty times", func(ctx SpecContext) {
		b := startBench(ctx, cluster.Pair(cluster.Async))
		primary, standby := b.nodes(ctx)
		agent := wire.NewClient(standby.Agent())
		defer agent.Close()
		var inside, outside []time.Duration
		for range 20 {
			rule := wire.Rule{ID: "figure", Direction: wire.In, Peers: []string{primary.Address()}, Action: wire.Drop, LeaseMillis: 10_000}
			timing, err := agent.Do(ctx, wire.Request{Do: wire.Apply, Rules: []wire.Rule{rule}})
			Expect(err).NotTo(HaveOccurred())
			inside = append(inside, time.Duration(timing.Reply.EffectMicros)*time.Microsecond)
			outside = append(outside, timing.Received.Sub(timing.Sent))
			_, err = agent.Do(ctx, wire.Request{Do: wire.Remove, IDs: []string{"figure"}})
			Expect(err).NotTo(HaveOccurred())
		}
		AddReportEntry("cut, asked to effect inside the node, median", middle(inside).String())
		AddReportEntry("cut, asked to answered, median", middle(outside).String())
		Expect(middle(inside)).To(BeNumerically(">", 0))
	}, SpecTimeout(faultTimeout))

	It("throughput with the package loaded and without, alternating", func(ctx SpecContext) {
		pair, _ := startPair(ctx, cluster.Pair(cluster.Async))
		load := workload.Ledger{Clients: 4, Seed: 1} // unpaced
		Expect(load.Prepare(ctx, pair)).To(Succeed())
		var with, without []int
		for i := range 6 {
			without = append(without, throughput(ctx, pair, load, 2*i+1))
			runner, err := fault.NewRunner(pair)
			Expect(err).NotTo(HaveOccurred())
			with = append(with, throughput(ctx, pair, load, 2*i+2))
			Expect(runner.Close(ctx)).To(Succeed())
		}
		ratio := float64(middle(with)) / float64(middle(without))
		AddReportEntry("writes acknowledged in two seconds, medians", map[string]any{"with": middle(with), "without": middle(without), "ratio": ratio})
		Expect(middle(without)).To(BeNumerically(">", 0))
	}, SpecTimeout(faultTimeout))
})

// throughput is how many writes are acknowledged in two seconds, as a history of their own.
func throughput(ctx context.Context, pair *cluster.Cluster, load workload.Ledger, round int) int {
	GinkgoHelper()
	recorder, err := history.Create(filepath.Join(GinkgoT().TempDir(), "run"))
	Expect(err).NotTo(HaveOccurred())
	Expect(recorder.Manifest(history.Manifest{})).To(Succeed())
	load.First = round * 1000
	load.Seed = uint64(round)
	limited, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	Expect(load.Run(limited, pair, recorder)).To(Succeed())
	Expect(recorder.Close()).To(Succeed())
	run, err := history.Load(recorder.Dir())
	Expect(err).NotTo(HaveOccurred())
	acknowledged := 0
	for _, op := range run.Ops {
		if op.Outcome == history.OK {
			acknowledged++
		}
	}
	return acknowledged
}

func middle[T int | time.Duration](values []T) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
