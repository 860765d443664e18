package selftest

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// endOfWAL is what recovery says where what it reads is no WAL: of a record that begins or goes on there, or of the page, if the
// tear begins with one (xlogreader.c).
const endOfWAL = `invalid record length|incorrect resource manager data checksum|contrecord|incorrect prev-link|invalid magic number|unexpected pageaddr`

var _ = Describe("Faults of files", Label("faults", "disk"), Ordered, ContinueOnFailure, func() {
	var b *bench
	var primary, standby *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		topology := cluster.Pair(cluster.Async)
		topology.Rows = 1000
		b = startBench(ctx, topology)
		primary, standby = b.nodes(ctx)
	}, NodeTimeout(specTimeout))
	AfterEach(func(ctx SpecContext) { b.explain(ctx) }, NodeTimeout(closeWithin))

	It("torn WAL: recovery ends before the end of WAL, and the standby fetches the rest again", func(ctx SpecContext) {
		from, err := standby.LogSize(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.runner.Run(ctx, fault.TornWAL{Target: fault.Standby()}, func(ctx context.Context) error {
			Expect(standby.Running(ctx)).To(BeFalse())
			Expect(knocks(primary)).To(Succeed())
			if err := standby.Start(ctx); err != nil {
				return err
			}
			Expect(standby.Log(ctx, from)).To(MatchRegexp(endOfWAL))
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("torn WAL that is put back before PostgreSQL starts: nothing is lost", func(ctx SpecContext) {
		token, err := b.pair.Mark(ctx, primary)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.runner.Run(ctx, fault.TornWAL{Target: fault.Primary(), Restart: true}, func(context.Context) error { return nil })).To(Succeed())
		Expect(primary.AwaitMark(ctx, token)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	DescribeTable("a primary does not start", func(ctx SpecContext, harm fault.Fault, says string) {
		Expect(b.runner.Run(ctx, harm, func(ctx context.Context) error {
			Expect(primary.Start(ctx)).To(MatchError(ContainSubstring(says)))
			Expect(knocks(standby)).To(Succeed())
			return nil
		})).To(Succeed())
		Expect(primary.Role(ctx)).To(Equal(cluster.Primary))
		b.whole(ctx)
	},
		Entry("without the WAL that recovery begins in", fault.WALRemoved{Target: fault.Primary(), Restart: true}, "could not locate a valid checkpoint record", SpecTimeout(faultTimeout)),
		Entry("with a damaged control file", fault.ControlDamaged{Target: fault.Primary(), Restart: true}, "incorrect checksum in control file", SpecTimeout(faultTimeout)),
	)

	for _, target := range []fault.Target{fault.Primary(), fault.Standby()} {
		It("page damaged on the "+target.String()+": reading it is an error there, and nowhere else", func(ctx SpecContext) {
			hit, other := primary, standby
			if target == fault.Standby() {
				hit, other = standby, primary
			}
			sum := func(ctx context.Context, n *cluster.Node) error {
				var rows int
				return n.Query(ctx, "select count(filler) from app.ballast", nil, &rows)
			}
			Expect(b.runner.Run(ctx, fault.PageDamaged{Target: target}, func(ctx context.Context) error {
				Expect(sum(ctx, hit)).To(MatchError(ContainSubstring("invalid page in block 0")))
				Expect(sum(ctx, other)).To(Succeed())
				return nil
			})).To(Succeed())
			Expect(sum(ctx, hit)).To(Succeed())
			b.whole(ctx)
		}, SpecTimeout(faultTimeout))
	}

	It("a table without a page cannot be damaged", func(ctx SpecContext) {
		for _, table := range []string{"app.nothing", "app.ballast; drop table app.ballast"} {
			_, err := b.runner.Inject(ctx, fault.PageDamaged{Target: fault.Primary(), Table: table})
			Expect(err).To(MatchError(fault.ErrNoTarget))
		}
	}, SpecTimeout(faultTimeout))

	It("the disk that many share is not broken", func(ctx SpecContext) {
		for _, harm := range []fault.Fault{
			fault.PowerLoss{Target: fault.Primary()},
			fault.DiskFull{Target: fault.Primary()},
			fault.DiskReadOnly{Target: fault.Primary()},
			fault.DiskSlow{Target: fault.Primary(), Sync: time.Second},
			fault.DiskError{Target: fault.Primary()},
		} {
			_, err := b.runner.Inject(ctx, harm)
			Expect(err).To(MatchError(fault.ErrUnsupported))
			Expect(err).To(MatchError(ContainSubstring("Topology.Disk")))
		}
	}, SpecTimeout(faultTimeout))

	for _, harm := range []fault.Fault{
		fault.TornWAL{Target: fault.Standby(), Restart: true},
		fault.WALRemoved{Target: fault.Standby(), Restart: true},
		fault.ControlDamaged{Target: fault.Standby(), Restart: true},
		fault.PageDamaged{Target: fault.Standby()},
	} {
		It(harm.String()+" is found to have no effect if the file is put back underneath, as make heal does it", func(ctx SpecContext) {
			_, err := b.runner.Inject(ctx, undone{harm, standby})
			expectNoEffect(err, "after injection")
			Expect(standby.Shell(ctx, `ls -d "${PGDATA%/*}"/kept-*; :`)).To(BeEmpty())
			b.whole(ctx)
		}, SpecTimeout(faultTimeout))
	}
})

// undone is a fault that is taken back as soon as it is injected, by what its journal says.
type undone struct {
	fault.Fault
	node *cluster.Node
}

func (u undone) Bind(ctx context.Context, r *fault.Runner) (fault.Bound, error) {
	bound, err := u.Fault.Bind(ctx, r)
	return undoneBound{bound, u.node}, err
}

type undoneBound struct {
	fault.Bound
	node *cluster.Node
}

func (u undoneBound) Inject(ctx context.Context) (fault.Active, error) {
	active, err := u.Bound.Inject(ctx)
	for _, action := range u.Undo() {
		Expect(action.Container).To(Equal(u.node.Container()))
		_, err := u.node.Exec(ctx, action.Argv...)
		Expect(err).NotTo(HaveOccurred())
	}
	return active, err
}
