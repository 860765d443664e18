package selftest

import (
	"cmp"
	"fmt"
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
// are for the README, and take three minutes: it runs only when it is asked for (make calibrate).
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
		for range 6 {
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
		slices.Sort(errors)
		signed := fmt.Sprintf("median error %+.2f ms, from %+.2f to %+.2f ms", inMillis(errors[len(errors)/2]), inMillis(errors[0]), inMillis(errors[len(errors)-1]))
		slices.SortFunc(errors, func(a, b time.Duration) int { return cmp.Compare(a.Abs(), b.Abs()) })
		p95 := errors[(len(errors)*95+99)/100-1].Abs()
		AddReportEntry("calibration", fmt.Sprintf("%d outages of 0.2 s to 10 s: %s; 95 of 100 are wrong by at most %.2f ms (bound %.0f ms); own pulse late by up to %.2f ms",
			len(errors), signed, inMillis(p95), inMillis(calibrated), inMillis(late)))
		Expect(p95).To(BeNumerically("<=", calibrated+2*late), "beyond what the tester's own lateness explains")
	}, SpecTimeout(10*time.Minute))
})

func inMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
