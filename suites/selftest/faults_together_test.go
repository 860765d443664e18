package selftest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// How many pairs of faults are tried: in every run, and with the label "long" (make test-long).
const (
	fewPairs  = 8
	manyPairs = 40
)

// pairSeed fixes which: the table is the same in every run until the catalogue changes.
const pairSeed = 1

var _ = Describe("Two faults at the same time", Label("faults", "together"), Ordered, ContinueOnFailure, func() {
	var shared, b *bench
	BeforeAll(func(ctx SpecContext) { shared = roomyBench(ctx, cluster.Async) }, NodeTimeout(faultTimeout))
	BeforeEach(func(ctx SpecContext) {
		b = shared
		if b.runner.Dirty() { // what two faults have left must not be blamed on the next two
			b = roomyBench(ctx, cluster.Async)
		}
	}, NodeTimeout(faultTimeout))
	AfterEach(func(ctx SpecContext) { b.explain(ctx) }, NodeTimeout(closeWithin))

	pairs, err := fault.Pairs(pairSeed, 2*manyPairs)
	pairs = slices.DeleteFunc(pairs, func(pair fault.Pair) bool { return strings.Contains(pair.String(), "-wait(") }) // no commit waits here
	if err != nil || len(pairs) < manyPairs {
		panic(fmt.Sprintf("%d pairs of faults, %v", len(pairs), err))
	}
	pairs = pairs[:manyPairs]
	for i, pair := range pairs {
		labels := Label()
		if i >= fewPairs {
			labels = Label("long")
		}
		It(pair.String(), labels, func(ctx SpecContext) {
			if pair.Fault().Supported(ctx, b.pair) != nil {
				b = roomyBench(ctx, cluster.Sync) // some want commits that wait
			}
			if err := pair.Fault().Supported(ctx, b.pair); err != nil {
				Skip(err.Error())
			}
			Expect(b.runner.Run(ctx, pair.Fault(), func(context.Context) error { return nil })).To(Succeed())
			Expect(b.runner.Active()).To(BeEmpty())
			b.whole(ctx)
		}, SpecTimeout(faultTimeout))
	}
})

// roomyBench has what faults can need: a disk of its own, where the machine can give one, and a page to damage.
func roomyBench(ctx context.Context, commit cluster.CommitLevel) *bench {
	GinkgoHelper()
	topology := cluster.Pair(commit)
	topology.Rows = 1000
	topology.Disk = cluster.LoopDisk
	pair, recorder, err := tryPair(ctx, topology, filepath.Join(GinkgoT().TempDir(), "run"))
	if errors.Is(err, cluster.ErrDisk) { // faults of disks are skipped, each with its reason
		topology.Disk = cluster.VolumeDisk
		pair, recorder = startPair(ctx, topology)
	} else {
		Expect(err).NotTo(HaveOccurred())
	}
	return benchOn(ctx, pair, recorder)
}

var _ = Describe("A plan", Label("faults", "together"), func() {
	It("is drawn, played as its text says, and taken back", func(ctx SpecContext) {
		b := startBench(ctx, cluster.Pair(cluster.Async))
		drawing := fault.Drawing{Faults: []string{"cut"}, Steps: 3, Length: 3 * time.Second, Longest: time.Second, Apart: true}
		plan, err := fault.Draw(7, drawing)
		Expect(err).NotTo(HaveOccurred())
		GinkgoWriter.Println(plan)
		read, err := fault.ParsePlan(plan.String())
		Expect(err).NotTo(HaveOccurred())
		in, err := b.runner.Inject(ctx, read)
		Expect(err).NotTo(HaveOccurred())
		Eventually(in.Active.(fault.Finisher).Done()).WithContext(ctx).WithTimeout(time.Minute).Should(BeClosed())
		Expect(b.runner.Heal(ctx)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
})
