package selftest

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

var _ = Describe("A slot that was lost where nothing is archived", Label("faults", "postgres", "long"), func() {
	It("cannot be made good: the revert says that the standby needs a rebuild, and a rebuild makes it whole", func(ctx SpecContext) {
		GinkgoT().Setenv("CRUCIBLE_INTENTS", GinkgoT().TempDir()) // the journal of what could not be taken back stays
		topology := cluster.Pair(cluster.Async)
		topology.NoArchive = true
		b := startBench(ctx, topology)
		_, standby := b.nodes(ctx)
		b.runner.RevertWithin = 15 * time.Second
		err := b.runner.Run(ctx, fault.InvalidateSlot{Target: fault.Standby()}, func(context.Context) error { return nil })
		var left *fault.RevertError
		Expect(errors.As(err, &left)).To(BeTrue(), "error: %v", err)
		Expect(err).To(MatchError(ContainSubstring(standby.Name() + " needs a rebuild")))
		Expect(b.runner.Dirty()).To(BeTrue())

		back, err := procedure.Manual{NoRewind: true}.Rejoin(ctx, b.pair, standby)
		Expect(err).NotTo(HaveOccurred())
		Expect(back.How).To(Equal(procedure.Rebuilt))
		_, err = b.runner.Recovered(ctx)
		Expect(err).NotTo(HaveOccurred())
	}, SpecTimeout(faultTimeout))
})
