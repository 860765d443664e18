package selftest

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/judge"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
	"github.com/pgcrucible/pgcrucible/scenarios"
)

// What a sweep sets must be so in the run, or the run must go wrong: else its numbers would stand at the wrong place of a plot.
var _ = Describe("What a sweep sets", Label("story", "sweep"), func() {
	const backlog = 8_000_000
	play := func(ctx context.Context, steps func(context.Context, *scenarios.Stage) error, change func(*scenarios.Setup)) (*history.Run, error) {
		story := scenarios.KillPrimary()
		if steps != nil {
			story.Steps = steps
		}
		setup := scenarios.Setup{
			Ready: ready, Labels: labels, Procedure: procedure.Manual{}, Level: cluster.Sync, Seed: 1, Repetition: 1,
			Clients: 2, Rate: 60, MinBefore: 10, Out: GinkgoT().TempDir(), Backlog: backlog,
			Log: func(step string, elapsed time.Duration) { GinkgoWriter.Printf("%8.3f s %s\n", elapsed.Seconds(), step) },
		}
		change(&setup)
		dir, played := scenarios.Play(ctx, story, setup)
		run, err := history.Load(dir)
		Expect(err).NotTo(HaveOccurred())
		return run, played
	}

	It("is so: a standby that fell behind, nodes without data checksums, a rebuild in place of a rewind", func(ctx SpecContext) {
		run, err := play(ctx, nil, func(s *scenarios.Setup) { s.Procedure, s.NoChecksums = procedure.Manual{NoRewind: true}, true })
		Expect(err).NotTo(HaveOccurred())
		judgement := judge.Of(run)
		for _, v := range judgement.Verdicts {
			Expect(v.Status).To(Equal(history.Pass), "%s: %s", v.Checker, v.Sentence)
		}
		Expect(run.Procedure).To(Equal("rebuild"))
		Expect(run.Named(history.SpanRewind)).To(BeEmpty(), "the procedure tried a rewind")
		Expect(verdict(judgement, "way-back").Sentence).To(ContainSubstring("rebuilds every old primary"))
		Expect(verdict(judgement, "checksums").Sentence).To(HavePrefix("There are no data checksums"))
		killed, found := run.First(history.SpanFault)
		Expect(found).To(BeTrue())
		var behind []history.Span
		var most int64 // that samples saw
		for _, s := range run.Named(history.SpanMark) {
			if strings.Contains(s.Detail, "received and not replayed") {
				behind = append(behind, s)
			}
		}
		for _, s := range run.Samples {
			if s.Node == "pg2" && s.InRecovery && s.At < killed.Start {
				most = max(most, int64(s.Write)-int64(s.Replay))
			}
		}
		Expect(behind).To(HaveLen(1))
		Expect(behind[0].Start).To(BeNumerically("<", killed.Start))
		Expect(most).To(BeNumerically(">=", backlog/8), "the sampler saw no backlog grow")
	}, SpecTimeout(storyTimeout))

	It("is found missing: a standby that has replayed everything before the fault", func(ctx SpecContext) {
		_, err := play(ctx, func(ctx context.Context, s *scenarios.Stage) error {
			if err := s.Settle(ctx, 500*time.Millisecond); err != nil {
				return err
			}
			standby, err := s.Standby(ctx)
			if err != nil {
				return err
			}
			if err := standby.SQL(ctx, `select pg_wal_replay_resume()`); err != nil {
				return err
			}
			return s.Inject(ctx, fault.Kill(fault.Primary()))
		}, func(*scenarios.Setup) {})
		Expect(err).To(MatchError(And(ContainSubstring("backlog"), ContainSubstring("paused: false"))))
	}, SpecTimeout(storyTimeout))
})
