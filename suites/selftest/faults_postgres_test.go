package selftest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// postgresCase is a fault of PostgreSQL itself: how its effect is seen by other means than its own Verify, how its mechanism is disabled
// behind its back, and what Verify says then.
type postgresCase struct {
	fault   fault.Fault
	seen    func(ctx context.Context, p *postgresBench)
	disable func(ctx context.Context, p *postgresBench)
	says    string
}

// postgresBench is the pair that all of them are tried on.
type postgresBench struct {
	*bench
	primary, standby *cluster.Node
}

var _ = Describe("Faults of PostgreSQL itself", Label("faults", "postgres"), Ordered, ContinueOnFailure, func() {
	p := &postgresBench{}
	var before map[string]string
	BeforeAll(func(ctx SpecContext) {
		p.bench = startBench(ctx, cluster.Pair(cluster.Async))
		p.primary, p.standby = p.nodes(ctx)
		before = p.files(ctx)
	}, NodeTimeout(specTimeout))
	AfterEach(func(ctx SpecContext) { p.explain(ctx) }, NodeTimeout(closeWithin))

	for _, c := range postgresCases() {
		It(c.fault.String()+": bites, is healed, and is found out when it is disabled underneath", func(ctx SpecContext) {
			Expect(p.runner.Run(ctx, c.fault, func(ctx context.Context) error {
				c.seen(ctx, p)
				return nil
			})).To(Succeed())
			p.whole(ctx)
			p.disabled(ctx, c)
			p.whole(ctx)
			Expect(p.files(ctx)).To(Equal(before), "every setting stands as it did, and no file is left")
		}, SpecTimeout(faultTimeout))
	}

	It("terminate-walsender: the standby makes another connection; a walsender that does not end is found", func(ctx SpecContext) {
		sender := func(ctx context.Context) (pid int, err error) {
			err = p.primary.Query(ctx, `select coalesce(max(pid), 0) from pg_stat_replication`, nil, &pid)
			return pid, err
		}
		clients := p.backends(ctx)
		first, err := sender(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(p.runner.Run(ctx, fault.TerminateWALSender{Target: fault.Primary()}, func(ctx context.Context) error {
			p.eventually(ctx, p.primary, `select count(*) > 0 from pg_stat_replication where pid <> $1`, first)
			return nil
		})).To(Succeed())
		p.whole(ctx)
		Expect(p.backends(ctx)).To(Equal(clients), "clients notice nothing")

		frozen, err := p.primary.PIDs(ctx, cluster.WALSender)
		Expect(err).NotTo(HaveOccurred())
		p.stop(ctx, p.primary, frozen)
		p.impatient(func() {
			_, err := p.runner.Inject(ctx, fault.TerminateWALSender{Target: fault.Primary()})
			expectNoEffect(err, "after injection")
		})
		p.goOn(ctx, p.primary, frozen)
		p.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("a wait for the standby is cancelled or terminated: LocalOnly and Unknown; without a standby to wait for it is unsupported", func(ctx SpecContext) {
		cancel, terminate := fault.CancelWait(fault.Primary()), fault.TerminateWait(fault.Primary())
		_, err := p.runner.Inject(ctx, cancel)
		Expect(err).To(MatchError(fault.ErrUnsupported))
		p.synchronous(ctx, true)
		defer p.synchronous(ctx, false)
		for outcome, f := range map[history.Outcome]fault.Fault{history.LocalOnly: cancel, history.Unknown: terminate} {
			seen := outcomes(p.recorder)[outcome]
			Expect(p.runner.Run(ctx, f, func(ctx context.Context) error {
				Eventually(outcomes).WithContext(ctx).WithArguments(p.recorder).WithTimeout(20 * time.Second).WithPolling(50 * time.Millisecond).
					Should(HaveKeyWithValue(outcome, BeNumerically(">", seen)))
				return nil
			})).To(Succeed())
			p.whole(ctx)
		}
	}, SpecTimeout(faultTimeout))

	It("a wait that goes on although it was cancelled is found", Label("long"), func(ctx SpecContext) {
		p.synchronous(ctx, true)
		defer p.synchronous(ctx, false)
		receivers, err := p.standby.PIDs(ctx, cluster.WALReceiver)
		Expect(err).NotTo(HaveOccurred())
		p.stop(ctx, p.standby, receivers)
		var victims []int
		p.eventually(ctx, p.primary, `select count(*) >= 2 from pg_stat_activity where wait_event = 'SyncRep'`)
		Expect(p.primary.Query(ctx, `select array_agg(pid) from pg_stat_activity where wait_event = 'SyncRep'`, nil, &victims)).To(Succeed())
		p.stop(ctx, p.primary, victims)
		_, err = p.runner.Inject(ctx, fault.CancelWait(fault.Primary()))
		expectNoEffect(err, "after injection")
		p.goOn(ctx, p.primary, victims)
		p.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("what a dead tester left is taken back by make heal, settings as they stood", func(ctx SpecContext) {
		p.abandon(ctx, fault.PauseReplay{Target: fault.Standby()})() // alone: a standby that is paused asks for nothing
		p.whole(ctx)
		heal := p.abandon(ctx, fault.ArchiveHangs(fault.Primary()), fault.RestoreFails(fault.Standby()), fault.DropSlot{Target: fault.Standby()},
			fault.EmptyConninfo{Target: fault.Standby()}, fault.FewerConnections{Target: fault.Standby()})
		Expect(p.standby.Running(ctx)).To(BeFalse())
		heal()
		p.whole(ctx)
		Expect(p.files(ctx)).To(Equal(before))
		p.eventually(ctx, p.primary, `select current_setting('archive_command') not like '%stuck%'`)
		p.eventually(ctx, p.standby, `select current_setting('restore_command') not like '%stuck%' and current_setting('max_connections') = '100'`)
	}, SpecTimeout(faultTimeout))

	It("what is not there is no target", func(ctx SpecContext) {
		for _, f := range []fault.Fault{
			fault.PauseReplay{Target: fault.Primary()},
			fault.EmptyConninfo{Target: fault.Primary()},
			fault.FewerConnections{Target: fault.Primary()},
			fault.DropSlot{Target: fault.Primary()},
			fault.ArchiveFails(fault.Standby()),
			fault.HoldLocks{Target: fault.Standby()},
			fault.HoldLocks{Target: fault.Primary(), Table: `app.x"; drop table app.ledger; --`},
			fault.TerminateWALSender{Target: fault.Standby()},
		} {
			_, err := p.runner.Inject(ctx, f)
			Expect(err).To(MatchError(fault.ErrNoTarget), f.String())
		}
		Expect(p.files(ctx)).To(Equal(before))
	}, SpecTimeout(faultTimeout))
})

// disabled injects the fault once more, disables it underneath and expects Verify to say so; it is healed all the same.
func (p *postgresBench) disabled(ctx context.Context, c postgresCase) {
	GinkgoHelper()
	in, err := p.runner.Inject(ctx, c.fault)
	Expect(err).NotTo(HaveOccurred())
	c.disable(ctx, p)
	p.impatient(func() {
		err = in.Heal(ctx)
		expectNoEffect(err, "before revert")
		Expect(err).To(MatchError(ContainSubstring(c.says)))
	})
}

// abandon injects faults as a tester does that dies then: its journal is left open. What it returns has make heal's program take them back.
func (p *postgresBench) abandon(ctx context.Context, faults ...fault.Fault) (heal func()) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	DeferCleanup(cancel)
	dir := GinkgoT().TempDir()
	journal, err := intent.Open(dir)
	Expect(err).NotTo(HaveOccurred())
	for _, f := range faults {
		bound, err := f.Bind(ctx, p.runner)
		Expect(err).NotTo(HaveOccurred())
		_, err = journal.Begin(bound.String(), bound.Undo())
		Expect(err).NotTo(HaveOccurred())
		active, err := bound.Inject(ctx)
		Expect(err).NotTo(HaveOccurred())
		_, err = active.Verify(ctx)
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(journal.Close()).To(Succeed())
	return func() {
		GinkgoHelper()
		program := exec.CommandContext(ctx, "go", "run", "./fault/heal", "-dir", dir)
		program.Dir = "../.."
		said, err := program.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(said))
		Expect(os.ReadDir(dir)).To(BeEmpty())
	}
}

// impatient gives Verify little time: what it looks for is not there.
func (p *postgresBench) impatient(body func()) {
	p.runner.VerifyWithin = 2 * time.Second
	defer func() { p.runner.VerifyWithin = fault.DefaultVerifyWithin }()
	body()
}

// files is what stands in the nodes' own settings, and what lies beside their data folders.
func (p *postgresBench) files(ctx context.Context) map[string]string {
	GinkgoHelper()
	found := map[string]string{}
	for _, node := range p.pair.Nodes() {
		var settings string
		Expect(node.Query(ctx, `select string_agg(name || '=' || setting, E'\n' order by name) from pg_file_settings
			where sourcefile like '%/postgresql.auto.conf'`, nil, &settings)).To(Succeed())
		beside, err := node.Shell(ctx, `ls "${PGDATA%/*}"`)
		Expect(err).NotTo(HaveOccurred())
		found[node.Name()] = settings + "\n" + strings.TrimSpace(beside)
	}
	return found
}
