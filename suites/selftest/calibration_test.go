package selftest

import (
	"os"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/timing"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// calibrated is by how much a measured outage may differ from the one that was made, for 95 of 100.
const calibrated = 10 * time.Millisecond

// The calibration makes outages of known length, from 0.2 s to 10 s, and holds the measured ones against them. Its figures
// are for the README, and take two minutes: it runs only when it is asked for (make calibrate).
var _ = Describe("The calibration", Label("calibration"), func() {
	It("tells outages of 0.2 s to 10 s as long as they were", func(ctx SpecContext) {
		if os.Getenv("PGCRUCIBLE_CALIBRATION") == "" {
			Skip("PGCRUCIBLE_CALIBRATION is not set")
		}
		pair, _ := startPair(ctx, cluster.Pair(cluster.Sync))
		ledger := workload.Ledger{Clients: 8, Rate: 1000, Seed: 7, Timeout: 20 * time.Second}
		Expect(ledger.Prepare(ctx, pair)).To(Succeed())
		var errors []time.Duration
		var late time.Duration
		for range 4 {
			for _, length := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second} {
				to, own := newRecorder(), &pulse{}
				var frozen history.Window
				during(ctx, pair, to, func() {
					defer own.beat(ctx)()
					acknowledgedFor(ctx, to, 500*time.Millisecond)
					frozen = freeze(ctx, pair.Nodes()[0], to, length)
					acknowledgedFor(ctx, to, 300*time.Millisecond)
				}, ledger)
				to.Span(history.Span{Name: history.SpanFault, Node: "pg1", Detail: "freeze", Start: frozen.From, End: frozen.To})
				outage := timing.Of(loaded(to)).Outage
				Expect(outage).NotTo(BeNil(), "an outage of %v was not seen", length)
				errors = append(errors, outage.Length()-frozen.Length())
				late = max(late, own.late)
				GinkgoWriter.Printf("made %9v, measured %9v, error %9v (own pulse late by up to %v)\n", frozen.Length().Round(10*time.Microsecond),
					outage.Length().Round(10*time.Microsecond), (outage.Length() - frozen.Length()).Round(10*time.Microsecond), own.late)
			}
		}
		slices.SortFunc(errors, func(a, b time.Duration) int { return int(a.Abs() - b.Abs()) })
		p95 := errors[(len(errors)*95+99)/100-1].Abs()
		GinkgoWriter.Printf("%d outages: median error %v, 95 %% within %v, worst %v\n", len(errors), errors[len(errors)/2].Abs(), p95, errors[len(errors)-1].Abs())
		AddReportEntry("calibration", p95.String())
		Expect(p95).To(BeNumerically("<=", calibrated+2*late), "beyond what the tester's own lateness explains")
	}, SpecTimeout(10*time.Minute))
})
