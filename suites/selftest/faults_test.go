package selftest

import (
	"context"
	"errors"
	"net"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// bench is a healthy pair under load, on which faults are tried one after the other: each spec leaves it whole.
type bench struct {
	pair     *cluster.Cluster
	recorder *history.Recorder
	runner   *fault.Runner
}

// Times for machines that do much else: a pair streams again with TCP's retransmissions and PostgreSQL's own retries.
const (
	wholeWithin  = 90 * time.Second
	faultTimeout = 4 * time.Minute
)

// startBench is for BeforeAll: the pair and its load last until the container's specs are over.
func startBench(ctx context.Context, topology cluster.Topology) *bench {
	GinkgoHelper()
	pair, recorder := startPair(ctx, topology)
	return benchOn(ctx, pair, recorder)
}

// benchOn is startBench on a pair that is there.
func benchOn(ctx context.Context, pair *cluster.Cluster, recorder *history.Recorder) *bench {
	GinkgoHelper()
	runner, err := fault.NewRunner(pair)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(runner.Close(ctx)).To(Succeed()) }, NodeTimeout(closeWithin)) //nolint:contextcheck // a clean-up has a context of its own
	runner.Log = func(line string) { GinkgoWriter.Println(line) }
	load := workload.Ledger{Clients: 2, Rate: 60, Seed: 1}
	Expect(load.Prepare(ctx, pair)).To(Succeed())
	loadCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- load.Run(loadCtx, pair, recorder) }()
	DeferCleanup(func() { stop(); Expect(<-done).To(Succeed()) })
	return &bench{pair, recorder, runner}
}

// explain prints the nodes' logs if the spec has failed.
func (b *bench) explain(ctx context.Context) {
	if !CurrentSpecReport().Failed() {
		return
	}
	for _, node := range b.pair.Nodes() {
		text, err := node.Log(ctx, 0)
		GinkgoWriter.Printf("log of %s (%v):\n%s\n", node, err, text)
	}
}

// whole waits until the pair has recovered, and expects that nothing is dirty.
func (b *bench) whole(ctx context.Context) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, wholeWithin)
	defer cancel()
	_, err := b.runner.Recovered(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(b.runner.Dirty()).To(BeFalse())
}

func (b *bench) nodes(ctx context.Context) (primary, standby *cluster.Node) {
	GinkgoHelper()
	primary, err := b.pair.Primary(ctx)
	Expect(err).NotTo(HaveOccurred())
	return primary, b.pair.Peers(primary)[0]
}

// lsn asks a node's position on a connection of its own.
func lsn(ctx context.Context, n *cluster.Node) pg.LSN {
	GinkgoHelper()
	at, err := n.LSN(ctx)
	Expect(err).NotTo(HaveOccurred())
	return at
}

// knocks tries a TCP connection from the tester straight to a node.
func knocks(n *cluster.Node) error {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(n.Address(), "5432"), 300*time.Millisecond)
	if err != nil {
		return err
	}
	return conn.Close()
}

// sabotage takes the agents' rules away behind the fault's back.
func (b *bench) sabotage(ctx context.Context) {
	GinkgoHelper()
	for _, node := range b.pair.Nodes() {
		agent := wire.NewClient(node.Agent())
		_, err := agent.Do(ctx, wire.Request{Do: wire.Clear})
		Expect(errors.Join(err, agent.Close())).To(Succeed())
	}
}

// spoilt is a fault whose mechanism is disabled as soon as it is injected: it is silently not applied.
type spoilt struct {
	fault.Fault
	spoil func(ctx context.Context)
}

func (s spoilt) Bind(ctx context.Context, r *fault.Runner) (fault.Bound, error) {
	bound, err := s.Fault.Bind(ctx, r)
	return spoiltBound{bound, s.spoil}, err
}

type spoiltBound struct {
	fault.Bound
	spoil func(ctx context.Context)
}

func (s spoiltBound) Inject(ctx context.Context) (fault.Active, error) {
	active, err := s.Bound.Inject(ctx)
	s.spoil(ctx)
	return active, err
}

// expectNoEffect expects that a fault was found to have no effect, at the moment that when names.
func expectNoEffect(err error, when string) {
	GinkgoHelper()
	var none *fault.NoEffectError
	Expect(errors.As(err, &none)).To(BeTrue(), "error: %v", err)
	Expect(none.When).To(Equal(when))
	var stuck *fault.RevertError
	Expect(errors.As(err, &stuck)).To(BeFalse(), "error: %v", err)
}
