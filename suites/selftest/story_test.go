package selftest

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/judge"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
	"github.com/pgcrucible/pgcrucible/harness/session"
	"github.com/pgcrucible/pgcrucible/scenarios"
)

const storyTimeout = 4 * time.Minute

// told plays a story of these steps on a pair with a few preloaded rows and returns what it left and what is made of it.
func told(ctx context.Context, name string, promotions int, steps func(context.Context, *scenarios.Stage) error) (*history.Run, judge.Judgement) {
	GinkgoHelper()
	story := scenarios.Scenario{
		Name: name, Story: "A story of the self-test.", Levels: []cluster.CommitLevel{cluster.Async},
		Budget: history.Budget{Outage: time.Minute}, AsyncLost: -1, Expect: history.Expect{Promotions: promotions}, Steps: steps,
	}
	dir, err := scenarios.Play(ctx, story, scenarios.Setup{
		Ready: ready, Labels: labels, Procedure: procedure.Manual{}, Level: cluster.Async, Seed: 1, Repetition: 1,
		Clients: 2, Rate: 60, Rows: 1000, MinBefore: 10, Out: GinkgoT().TempDir(),
		Log: func(step string, elapsed time.Duration) { GinkgoWriter.Printf("%8.3f s %s\n", elapsed.Seconds(), step) },
	})
	Expect(err).NotTo(HaveOccurred())
	run, err := history.Load(dir)
	Expect(err).NotTo(HaveOccurred())
	judgement := judge.Of(run)
	for _, verdict := range judgement.Verdicts {
		GinkgoWriter.Printf("%-8s %-14s %s\n", verdict.Status, verdict.Checker, verdict.Sentence)
	}
	return run, judgement
}

// verdict is what one checker says.
func verdict(of judge.Judgement, checker string) history.Verdict {
	GinkgoHelper()
	for _, one := range of.Verdicts {
		if one.Checker == checker {
			return one
		}
	}
	Fail("no checker " + checker)
	return history.Verdict{}
}

// forkScript has a stopped standby be a primary of its own for a moment, on the same timeline, and puts back what would show it:
// its place in the WAL. The row it deletes there stays deleted, for the page is newer than anything that will be replayed.
const forkScript = `set -e
keep="${PGDATA%/*}/kept"
rm -rf "$keep"; mkdir "$keep"
cp -a "$PGDATA/pg_wal" "$PGDATA/global/pg_control" "$PGDATA/standby.signal" "$keep/"
rm "$PGDATA/standby.signal"
pg_ctl -D "$PGDATA" -w -l /dev/null -o "-c archive_mode=off -c listen_addresses=" start >/dev/null
psql -qAtX -v ON_ERROR_STOP=1 -U postgres -d app -c "delete from app.ballast where id = 7" -c checkpoint
pg_ctl -D "$PGDATA" -w -m fast stop >/dev/null
rm -rf "$PGDATA/pg_wal"
mv "$keep/pg_wal" "$PGDATA/pg_wal"; mv "$keep/pg_control" "$PGDATA/global/pg_control"; mv "$keep/standby.signal" "$PGDATA/standby.signal"
rmdir "$keep"`

var _ = Describe("a pair that is kept", Label("story"), func() {
	It("still runs when its run was not good, and its psql commands are told", func(ctx SpecContext) {
		if _, err := exec.LookPath("docker"); err != nil {
			Skip("the commands are for the docker client: " + err.Error())
		}
		mine, err := session.Open(ctx, ready.Sandbox)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { Expect(mine.Close(ctx)).To(Succeed()) }, NodeTimeout(closeWithin))
		var commands []string
		story := scenarios.Scenario{
			Name: "kept", Story: "Nothing happens, and too little is written.", Levels: []cluster.CommitLevel{cluster.Async},
			Steps: func(context.Context, *scenarios.Stage) error { return nil },
		}
		_, err = scenarios.Play(ctx, story, scenarios.Setup{
			Ready: ready, Labels: mine.Labels(), Procedure: procedure.Manual{}, Level: cluster.Async, Seed: 1, Repetition: 1,
			Clients: 1, Rate: 50, MinBefore: 1_000_000, Out: GinkgoT().TempDir(), Keep: true,
			Log: func(step string, _ time.Duration) {
				if command, is := strings.CutPrefix(strings.TrimSpace(step), "docker exec -it "); is {
					commands = append(commands, command)
				}
			},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(commands).To(HaveLen(2))
		var recovering []string
		for _, command := range commands {
			asked := strings.Fields("exec " + command + " -qAtXc")
			answer, err := exec.CommandContext(ctx, "docker", append(asked, "select pg_is_in_recovery() from app.ledger limit 1")...).CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(answer))
			recovering = append(recovering, strings.TrimSpace(string(answer)))
		}
		Expect(recovering).To(ConsistOf("f", "t"))
	}, SpecTimeout(storyTimeout))
})

var _ = Describe("stories that go wrong are found out", Label("story"), func() {
	It("finds an old primary that is started although another has taken over", func(ctx SpecContext) {
		_, judgement := told(ctx, "unfenced-return", 1, func(ctx context.Context, s *scenarios.Stage) error {
			old, err := s.Primary(ctx)
			if err != nil {
				return err
			}
			if err := s.Settle(ctx, 500*time.Millisecond); err != nil {
				return err
			}
			if err := s.Inject(ctx, fault.Kill(fault.On(old.Name()))); err != nil {
				return err
			}
			if _, err := s.FailoverUnfenced(ctx); err != nil {
				return err
			}
			if err := s.Acknowledged(ctx, 10); err != nil {
				return err
			}
			if err := old.Start(ctx); err != nil {
				return err
			}
			return s.Settle(ctx, 500*time.Millisecond)
		})
		Expect(verdict(judgement, "one-writable").Status).To(Equal(history.Fail))
		Expect(verdict(judgement, "one-writable").Sentence).To(ContainSubstring("wo nodes"))
		Expect(verdict(judgement, "rejoined").Status).To(Equal(history.Fail))
		Expect(judgement.Overall()).To(Equal(history.Fail))
	}, SpecTimeout(storyTimeout))

	It("does not start an old primary that was fenced as a primary", func(ctx SpecContext) {
		told(ctx, "fenced-return", 1, func(ctx context.Context, s *scenarios.Stage) error {
			old, err := s.Primary(ctx)
			if err != nil {
				return err
			}
			if err := s.Inject(ctx, fault.Kill(fault.On(old.Name()))); err != nil {
				return err
			}
			if _, err := s.Failover(ctx); err != nil {
				return err
			}
			if err := old.Start(ctx); err != nil {
				return err
			}
			role, err := old.Role(ctx)
			if err == nil && role != cluster.Standby {
				err = fmt.Errorf("%s was fenced, and came up as a %s", old, role)
			}
			return err
		})
	}, SpecTimeout(storyTimeout))

	It("finds a standby whose table is not the primary's, though it streams, is on the same timeline and at the same position", func(ctx SpecContext) {
		run, judgement := told(ctx, "same-timeline-fork", 0, func(ctx context.Context, s *scenarios.Stage) error {
			standby, err := s.Standby(ctx)
			if err != nil {
				return err
			}
			if err := standby.Stop(ctx, cluster.Fast); err != nil {
				return err
			}
			if _, err := standby.Shell(ctx, forkScript); err != nil {
				return err
			}
			if err := standby.Start(ctx); err != nil {
				return err
			}
			return s.Acknowledged(ctx, 20)
		})
		Expect(verdict(judgement, "rejoined").Status).To(Equal(history.Pass), "everything looks fine")
		Expect(verdict(judgement, "timelines").Status).To(Equal(history.Pass))
		contents := verdict(judgement, "contents")
		Expect(contents.Status).To(Equal(history.Fail))
		Expect(contents.Sentence).To(ContainSubstring("app.ballast"))
		Expect(run.Final).To(HaveLen(2))
		Expect(run.Final[0].Tables["app.ledger"]).To(Equal(run.Final[1].Tables["app.ledger"]), "only the forked table differs")
	}, SpecTimeout(storyTimeout))

	It("never starts a half-rewound folder", func(ctx SpecContext) {
		var back procedure.Rejoined
		run, judgement := told(ctx, "half-rewound", 1, func(ctx context.Context, s *scenarios.Stage) error {
			old, err := s.Primary(ctx)
			if err != nil {
				return err
			}
			if err := s.Settle(ctx, 500*time.Millisecond); err != nil {
				return err
			}
			if err := s.Inject(ctx, fault.Kill(fault.On(old.Name()))); err != nil {
				return err
			}
			if _, err := s.Failover(ctx); err != nil {
				return err
			}
			if err := s.InjectAt(procedure.Rewind50, fault.KillContainer(fault.On(old.Name()))); err != nil {
				return err
			}
			if err := s.RejoinInterrupted(ctx, old); err != nil {
				return err
			}
			if err := s.Heal(ctx); err != nil {
				return err
			}
			if running, err := old.Running(ctx); err != nil || running {
				return fmt.Errorf("PostgreSQL runs on %s: %v (%w)", old, running, err)
			}
			back, err = s.Rejoin(ctx, old)
			return err
		})
		Expect(back.How).To(Equal(procedure.Rebuilt))
		Expect(back.Reason).To(ContainSubstring("did not come to its end"))
		for _, span := range run.Named(history.SpanStart) {
			rebuilt, found := run.First(history.SpanRebuild)
			Expect(found).To(BeTrue())
			Expect(span.Start).To(BeNumerically(">", rebuilt.End), "started before it was rebuilt")
		}
		Expect(judgement.Overall()).To(Equal(history.Pass))
	}, SpecTimeout(storyTimeout))
})
