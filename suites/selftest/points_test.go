package selftest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

// pointRows are as many as make a rewind that takes some looks.
const pointRows = 50_000

// Faults inside the procedure: one pair, whose old primary diverges, dies and is brought back again and again, each time with another
// fault at another point.
var _ = Describe("A fault inside the procedure", Label("faults", "points"), Ordered, ContinueOnFailure, func() {
	p := &pointBench{}
	BeforeAll(func(ctx SpecContext) {
		topology := cluster.Pair(cluster.Async)
		topology.Rows = pointRows
		p.bench = startBench(ctx, topology)
	}, NodeTimeout(faultTimeout))
	AfterEach(func(ctx SpecContext) { p.explain(ctx) }, NodeTimeout(closeWithin))

	It("every point is reached, in its order; a kill at the last of the rewind leaves a folder that is rebuilt, never started", func(ctx SpecContext) {
		p.reached = nil
		old, _ := p.diverge(ctx)
		_, err := p.manual().Failover(ctx, p.pair, procedure.FailoverOptions{})
		Expect(err).NotTo(HaveOccurred())
		p.interrupted(ctx, old, fault.Rewind90, fault.KillContainer(fault.On(old.Name())))
		p.rebuilt(ctx, old)
		Expect(p.reached).To(Equal([]procedure.Point{
			procedure.BeforePromote, procedure.AfterPromote, procedure.Rewind10, procedure.Rewind50, procedure.Rewind90, procedure.DuringBackup, procedure.AfterRewind,
		}))
		Expect(p.reached).To(ConsistOf(procedure.Points()))
	}, SpecTimeout(faultTimeout))

	It("a standby that crashed is brought back on the primary's history, and no rewind ends its recovery", func(ctx SpecContext) {
		p.whole(ctx)
		_, standby := p.nodes(ctx)
		Expect(p.runner.Run(ctx, fault.Kill(fault.On(standby.Name())), func(context.Context) error { return nil })).To(Succeed())
		Expect(p.rejoined(ctx, standby).How).To(Equal(procedure.NoOp))
	}, SpecTimeout(faultTimeout))

	for _, point := range fault.Points() {
		labels := Label("long")
		if point == fault.Rewind10 {
			labels = Label()
		}
		It(fmt.Sprintf("a short cut at %s: the procedure comes to its end, the node is whole", point), labels, func(ctx SpecContext) {
			old, to := p.diverge(ctx)
			cut := fault.For{Duration: time.Second, Fault: fault.Cut{From: fault.On(to.Name()), To: fault.All()}}
			if point == fault.DuringBackup {
				p.failedOver(ctx)
				p.interrupted(ctx, old, fault.Rewind50, fault.KillContainer(fault.On(old.Name())))
			}
			_, err := p.runner.Inject(ctx, fault.At{Point: point, Fault: cut})
			Expect(err).NotTo(HaveOccurred())
			if point != fault.DuringBackup {
				p.failedOver(ctx)
			}
			p.rejoined(ctx, old)
		}, SpecTimeout(faultTimeout))
	}

	for _, point := range []fault.Point{fault.Rewind10, fault.Rewind50, fault.AfterRewind, fault.DuringBackup} {
		It(fmt.Sprintf("a kill of the node at %s: it is rebuilt, never started before", point), Label("long"), func(ctx SpecContext) {
			old, _ := p.diverge(ctx)
			p.failedOver(ctx)
			if point == fault.DuringBackup {
				p.interrupted(ctx, old, fault.Rewind50, fault.KillContainer(fault.On(old.Name())))
			}
			p.interrupted(ctx, old, point, fault.KillContainer(fault.On(old.Name())))
			p.rebuilt(ctx, old)
		}, SpecTimeout(faultTimeout))
	}

	// The copying may just have got all it needs when the fault comes: then the rewind is whole, and the node comes back by it.
	for _, point := range []fault.Point{fault.Rewind10, fault.Rewind50, fault.Rewind90, fault.DuringBackup} {
		It(fmt.Sprintf("a cut at %s that outlasts the deadlines: the node is never started half-way", point), Label("long"), func(ctx SpecContext) {
			old, to := p.diverge(ctx)
			p.failedOver(ctx)
			if point == fault.DuringBackup {
				p.interrupted(ctx, old, fault.Rewind50, fault.KillContainer(fault.On(old.Name())))
			}
			p.limit = 8 * time.Second
			defer func() { p.limit = 0 }()
			p.interrupted(ctx, old, point, fault.Cut{From: fault.On(old.Name()), To: fault.On(to.Name())})
			p.limit = 0
			p.rejoined(ctx, old)
		}, SpecTimeout(faultTimeout))

		It(fmt.Sprintf("a kill of the new primary at %s: the node is never started half-way", point), Label("long"), func(ctx SpecContext) {
			old, to := p.diverge(ctx)
			p.failedOver(ctx)
			if point == fault.DuringBackup {
				p.interrupted(ctx, old, fault.Rewind50, fault.KillContainer(fault.On(old.Name())))
			}
			kill := fault.Kill(fault.On(to.Name()))
			kill.Restart = true
			p.interrupted(ctx, old, point, kill)
			p.rejoined(ctx, old)
		}, SpecTimeout(faultTimeout))
	}

	It("a kill of the standby before its promotion: the failover fails, and can be done again", Label("long"), func(ctx SpecContext) {
		old, to := p.diverge(ctx)
		kill := fault.Kill(fault.On(to.Name()))
		kill.Restart = true
		p.failoverInterrupted(ctx, fault.BeforePromote, kill)
		Expect(p.pair.Primaries(ctx)).To(BeEmpty(), "nothing was promoted")
		p.failedOver(ctx)
		p.rejoined(ctx, old)
	}, SpecTimeout(faultTimeout))

	It("a kill of the new primary just after its promotion: it is the primary when it is back, and can be followed", Label("long"), func(ctx SpecContext) {
		old, to := p.diverge(ctx)
		kill := fault.Kill(fault.On(to.Name()))
		kill.Restart = true
		p.failoverInterrupted(ctx, fault.AfterPromote, kill)
		Expect(p.pair.Primary(ctx)).To(Equal(to))
		p.rejoined(ctx, old)
		var upstream, slot string
		Expect(to.Query(ctx, `select current_setting('primary_conninfo'), current_setting('primary_slot_name')`, nil, &upstream, &slot)).To(Succeed())
		Expect(upstream+slot).To(BeEmpty(), "what the failover did not come to is made up for: the settings of a primary")
	}, SpecTimeout(faultTimeout))
})

// pointBench is the pair, and how its roles are moved.
type pointBench struct {
	*bench
	reached []procedure.Point
	limit   time.Duration // of each step; 0: the procedure's own
}

// manual is the procedure: it tells the faults that wait where it is.
func (p *pointBench) manual() procedure.Manual {
	return procedure.Manual{Step: p.limit, Copy: p.limit, Hook: func(ctx context.Context, at procedure.Point, _ *cluster.Node) error {
		p.reached = append(p.reached, at)
		return p.runner.Reached(ctx, fault.Point(at))
	}}
}

// diverge has the primary write what its standby does not get, in pages all over a table, and kills it.
func (p *pointBench) diverge(ctx context.Context) (old, to *cluster.Node) {
	GinkgoHelper()
	p.whole(ctx)
	old, to = p.nodes(ctx)
	Expect(p.runner.Run(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()}, func(ctx context.Context) error {
		if err := old.SQL(ctx, `update app.ballast set filler = 'only here' where id % 10 = 0`); err != nil {
			return err
		}
		if err := old.SQL(ctx, `checkpoint`); err != nil {
			return err
		}
		_, err := p.runner.Inject(ctx, fault.Kill(fault.On(old.Name())))
		return err
	})).To(Succeed())
	return old, to
}

func (p *pointBench) failedOver(ctx context.Context) {
	GinkgoHelper()
	_, err := p.manual().Failover(ctx, p.pair, procedure.FailoverOptions{})
	Expect(err).NotTo(HaveOccurred())
}

func (p *pointBench) failoverInterrupted(ctx context.Context, point fault.Point, f fault.Fault) {
	GinkgoHelper()
	_, err := p.runner.Inject(ctx, fault.At{Point: point, Fault: f})
	Expect(err).NotTo(HaveOccurred())
	_, err = p.manual().Failover(ctx, p.pair, procedure.FailoverOptions{})
	Expect(err).To(HaveOccurred())
	Expect(p.runner.Heal(ctx)).To(Succeed(), "the fault was injected and bit")
}

// interrupted is a rejoin that does not come to its end because of a fault at a point.
func (p *pointBench) interrupted(ctx context.Context, old *cluster.Node, point fault.Point, f fault.Fault) {
	GinkgoHelper()
	_, err := p.runner.Inject(ctx, fault.At{Point: point, Fault: f})
	Expect(err).NotTo(HaveOccurred())
	_, err = p.manual().Rejoin(ctx, p.pair, old)
	Expect(err).To(HaveOccurred())
	GinkgoWriter.Println("interrupted:", err)
	Expect(p.runner.Heal(ctx)).To(Succeed(), "the fault was injected and bit")
	p.neverHalfWay(old)
}

// neverHalfWay expects that whenever the node was started in a rejoin, the copying before that had come to its end.
func (p *pointBench) neverHalfWay(node *cluster.Node) {
	GinkgoHelper()
	spans := loaded(p.recorder).Named(history.SpanRewind, history.SpanRebuild, history.SpanStart)
	slices.SortFunc(spans, func(a, b history.Span) int { return cmp.Compare(a.Start, b.Start) })
	whole := true
	for _, span := range spans {
		switch {
		case span.Node != node.Name():
		case span.Name == history.SpanStart:
			Expect(whole).To(BeTrue(), "%s was started half-way at %v", node, span.Start)
		default:
			whole = span.Err == "" && (span.Name == history.SpanRebuild || span.Values["how"] != string(procedure.Rebuilt))
		}
	}
}

func (p *pointBench) rebuilt(ctx context.Context, old *cluster.Node) {
	GinkgoHelper()
	back := p.rejoined(ctx, old)
	Expect(back.How).To(Equal(procedure.Rebuilt))
	Expect(back.Reason).To(ContainSubstring("did not come to its end"))
}

// rejoined brings the node back; what is in effect still is healed then. The node has what the primary has, and nothing of its own.
func (p *pointBench) rejoined(ctx context.Context, old *cluster.Node) procedure.Rejoined {
	GinkgoHelper()
	back, err := p.manual().Rejoin(ctx, p.pair, old)
	Expect(err).NotTo(HaveOccurred())
	Expect(p.runner.Heal(ctx)).To(Succeed())
	p.neverHalfWay(old)
	p.whole(ctx)
	const contents = `select count(*) || ' rows, ' || count(*) filter (where filler = 'only here') || ' of the past' from app.ballast`
	for _, node := range p.pair.Nodes() {
		var has string
		Expect(node.Query(ctx, contents, nil, &has)).To(Succeed())
		Expect(has).To(Equal(fmt.Sprintf("%d rows, 0 of the past", pointRows)), node.Name())
	}
	return back
}
