// Package failover plays every scenario against a real pair, judges it, and reports it: the main job.
package failover

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/check"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/settings"
	"github.com/pgcrucible/pgcrucible/reports"
	"github.com/pgcrucible/pgcrucible/suites/internal/front"
)

// caseTime is the most that one scenario may take, from an empty engine to an empty engine.
const caseTime = 5 * time.Minute

// The flags must be known before the test binary parses its command line, and the specs are made of the settings: so these
// two live as long as the process.
var (
	flags = settings.Register(flag.CommandLine)
	drill *front.Front
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	s, err := flags.Read(os.Getenv)
	if err == nil {
		drill, err = front.Open(ctx, s, os.Stdout)
	}
	stop() // from here on Ginkgo takes the signals: it ends the specs and their clean-up runs
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgcrucible:", err)
		return front.CouldNot
	}
	status := m.Run()
	if err := drill.Close(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pgcrucible:", err)
		return max(status, front.CouldNot)
	}
	return status
}

func TestFailover(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Failover")
}

var _ = Describe("the failover circle", func() {
	cases := front.Cases(drill.Settings)
	It("has something to play", func() {
		Expect(cases).NotTo(BeEmpty(), "no scenario makes sense at the commit levels that were asked for")
	})
	for _, c := range cases {
		It(c.String(), Label("scenario:"+c.Scenario.Name, "commit:"+string(c.Level), "procedure:"+c.Procedure.Name()), SpecTimeout(caseTime), func(ctx SpecContext) {
			result, err := drill.Play(ctx, c)
			Expect(err).NotTo(HaveOccurred())
			AddReportEntry("verdict", string(result.Status())+": "+result.Sentence(), ReportEntryVisibilityNever) // said already
			AddReportEntry("run", result.Dir)
			AddReportEntry("page", filepath.Join(result.Dir, reports.TimelineFile), ReportEntryVisibilityNever)
			if reason := result.Run.Skipped; reason != "" {
				Skip(reason)
			}
			if check.Overall(result.Verdicts) != history.Pass {
				Fail(reports.Failure(result, false))
			}
		})
	}
})
