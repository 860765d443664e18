package selftest

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// hangs is for how long something must not happen to be taken for hanging. If it is only slow, the spec still sees nothing wrong: it can fail to find
// a fault without effect, never the other way round.
const hangs = 500 * time.Millisecond

// works is within which something happens that is to happen, on a machine that does much else.
const works = 30 * time.Second

// freezingSpecs are the specs of processes and containers that stand still; bench gives the pair that they share.
func freezingSpecs(bench func() *bench) {
	// frozen is one kind of process: which node's, and how it is seen to stand still by other means than the fault's own.
	type frozen struct {
		process cluster.Process
		of      func(primary, standby *cluster.Node) *cluster.Node
		seen    func(ctx context.Context, s sight)
	}
	onPrimary := func(primary, _ *cluster.Node) *cluster.Node { return primary }
	onStandby := func(_, standby *cluster.Node) *cluster.Node { return standby }

	DescribeTable("freeze", func(ctx SpecContext, f frozen) {
		b := bench()
		primary, standby := b.nodes(ctx)
		node := f.of(primary, standby)
		before, err := node.PIDs(ctx, cluster.Postmaster)
		Expect(err).NotTo(HaveOccurred())
		// The session's process is frozen with the other backends.
		session, err := node.Connect(ctx, cluster.Admin)
		Expect(err).NotTo(HaveOccurred())
		defer session.Close(ctx)

		in, err := b.runner.Inject(ctx, fault.Freeze{Target: fault.On(node.Name()), Process: f.process})
		Expect(err).NotTo(HaveOccurred())
		GinkgoWriter.Printf("%+v\n", in.Evidence)
		Expect(frozenProcesses(ctx, node)).To(HaveEach(ContainSubstring(title(f.process))))
		f.seen(ctx, sight{primary, standby, session})
		Expect(b.runner.Heal(ctx)).To(Succeed())
		Expect(frozenProcesses(ctx, node)).To(BeEmpty())
		if !session.IsClosed() {
			_, err = session.Exec(ctx, `select 1`)
			Expect(err).NotTo(HaveOccurred(), "the session has survived")
		}
		b.whole(ctx)
		Expect(node.PIDs(ctx, cluster.Postmaster)).To(Equal(before), "nothing has restarted")

		By("letting the processes go on behind the fault's back")
		in, err = b.runner.Inject(ctx, fault.Freeze{Target: fault.On(node.Name()), Process: f.process})
		Expect(err).NotTo(HaveOccurred())
		_, err = node.Signal(ctx, f.process, syscall.SIGCONT)
		Expect(err).NotTo(HaveOccurred())
		_, err = in.Active.Verify(ctx)
		Expect(err).To(MatchError(Or(ContainSubstring("is not frozen"), ContainSubstring("is not stopped"))))
		expectNoEffect(b.runner.Heal(ctx), "before revert")
		b.whole(ctx)
	},
		Entry("of the postmaster: new clients wait, sessions go on", frozen{cluster.Postmaster, onStandby, seenSilent}, SpecTimeout(faultTimeout)),
		Entry("of the walreceiver: replication is streaming, and stands still", frozen{cluster.WALReceiver, onStandby, seenStanding}, SpecTimeout(faultTimeout)),
		Entry("of the walsender: the same, from the other end", frozen{cluster.WALSender, onPrimary, seenStanding}, Label("long"), SpecTimeout(faultTimeout)),
		Entry("of the startup process: WAL is received and not replayed", frozen{cluster.Startup, onStandby, seenReceiving}, SpecTimeout(faultTimeout)),
		Entry("of the checkpointer: a checkpoint is asked for and not made", frozen{cluster.Checkpointer, onPrimary, seenNoCheckpoint}, SpecTimeout(faultTimeout)),
		Entry("of the archiver: finished segments wait", frozen{cluster.Archiver, onPrimary, seenUnarchived}, Label("long"), SpecTimeout(faultTimeout)),
		Entry("of the backends: sessions hang, new ones are served", frozen{cluster.Backend, onStandby, seenHanging}, Label("long"), SpecTimeout(faultTimeout)),
	)

	It("freeze: what could not be seen is refused", func(ctx SpecContext) {
		_, err := bench().runner.Inject(ctx, fault.Freeze{Target: fault.Primary(), Process: cluster.WALWriter})
		Expect(err).To(MatchError(ContainSubstring("nobody could tell")))
		_, err = bench().runner.Inject(ctx, fault.Freeze{Target: fault.Primary(), Process: cluster.WALReceiver})
		Expect(err).To(MatchError(fault.ErrNoTarget))
	}, SpecTimeout(faultTimeout))

	It("pause of a node on which no PostgreSQL runs, and of one that is paused already", Label("long"), func(ctx SpecContext) {
		b := bench()
		_, standby := b.nodes(ctx)
		Expect(standby.Stop(ctx, cluster.Fast)).To(Succeed())
		Expect(b.runner.Run(ctx, fault.Pause(fault.On(standby.Name())), func(ctx context.Context) error {
			Expect(standby.Paused(ctx)).To(BeTrue())
			_, err := b.runner.Inject(ctx, fault.Pause(fault.On(standby.Name())))
			Expect(err).To(MatchError(ContainSubstring("paused already")))
			return nil
		})).To(Succeed())
		Expect(standby.Start(ctx)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("pause: the node is silent, its network is not, and it goes on as if nothing had been", func(ctx SpecContext) {
		b := bench()
		primary, standby := b.nodes(ctx)
		Expect(b.runner.Run(ctx, fault.Pause(fault.On(standby.Name())), func(ctx context.Context) error {
			Expect(knocks(standby)).To(Succeed(), "the kernel makes the connection")
			Expect(connects(ctx, standby, hangs)).To(MatchError(context.DeadlineExceeded))
			Expect(connects(ctx, primary, works)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)

		By("thawing it behind the fault's back")
		in, err := b.runner.Inject(ctx, fault.Pause(fault.On(standby.Name())))
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.UnpauseContainer(ctx)).To(Succeed())
		_, err = in.Active.Verify(ctx)
		Expect(err).To(MatchError(Or(ContainSubstring("is not frozen"), ContainSubstring("is not paused"))))
		expectNoEffect(b.runner.Heal(ctx), "before revert")
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
}

// title is by which a process is known in the list below.
func title(p cluster.Process) string {
	switch p {
	case cluster.Postmaster:
		return "-D"
	case cluster.Backend:
		return "crucible_admin"
	}
	return string(p)
}

// frozenProcesses are the titles of PostgreSQL's processes that the kernel says are stopped.
func frozenProcesses(ctx context.Context, n *cluster.Node) []string {
	GinkgoHelper()
	text, err := n.Shell(ctx, `for d in /proc/[0-9]*; do
	read -r line <"$d/stat" || continue
	case $line in *\(postgres\)\ T\ *) tr '\0' ' ' <"$d/cmdline"; echo ;; esac
done 2>/dev/null; :`)
	Expect(err).NotTo(HaveOccurred())
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// connects opens a session within a time and closes it.
func connects(ctx context.Context, n *cluster.Node, within time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, err := n.Connect(limited, cluster.App)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// sight is the pair as the other means see it, with a session from before the fault.
type sight struct {
	primary, standby *cluster.Node
	session          *pgx.Conn
}

func seenSilent(ctx context.Context, s sight) {
	GinkgoHelper()
	Expect(knocks(s.standby)).To(Succeed(), "the kernel makes the connection")
	Expect(connects(ctx, s.standby, hangs)).To(MatchError(context.DeadlineExceeded))
	Expect(s.primary.SQL(ctx, `select 1`)).To(Succeed())
}

// seenStanding expects the standby's position to stand still while the primary's goes on and says that it streams.
func seenStanding(ctx context.Context, s sight) {
	GinkgoHelper()
	goesOn(ctx, s.primary) // what had arrived is replayed by then
	replayed := lsn(ctx, s.standby)
	goesOn(ctx, s.primary)
	Expect(lsn(ctx, s.standby)).To(Equal(replayed))
	var state string
	Expect(s.primary.Query(ctx, `select max(state) from pg_stat_replication`, nil, &state)).To(Succeed())
	Expect(state).To(Equal("streaming"))
}

func goesOn(ctx context.Context, primary *cluster.Node) {
	GinkgoHelper()
	written := lsn(ctx, primary)
	Eventually(lsn).WithContext(ctx).WithArguments(primary).WithTimeout(works).WithPolling(50 * time.Millisecond).
		Should(BeNumerically(">", written))
}

func seenReceiving(ctx context.Context, s sight) {
	GinkgoHelper()
	replayed := lsn(ctx, s.standby)
	flushed := func(ctx context.Context) (at string) {
		Expect(s.primary.Query(ctx, `select max(flush_lsn)::text from pg_stat_replication`, nil, &at)).To(Succeed())
		return at
	}
	Eventually(flushed).WithContext(ctx).WithTimeout(works).WithPolling(50 * time.Millisecond).ShouldNot(Equal(flushed(ctx)))
	Expect(lsn(ctx, s.standby)).To(Equal(replayed))
}

func seenNoCheckpoint(ctx context.Context, s sight) {
	GinkgoHelper()
	waiting := func(ctx context.Context) (on string, err error) { // the fault's own question, as others see it
		query := `select coalesce(max(wait_event), '') from pg_stat_activity where query = 'checkpoint' and state = 'active'`
		err = s.primary.Query(ctx, query, nil, &on)
		return on, err
	}
	Eventually(waiting).WithContext(ctx).WithTimeout(works).WithPolling(50 * time.Millisecond).Should(HavePrefix("Checkpoint"))
	data, err := s.primary.ControlData(ctx)
	Expect(err).NotTo(HaveOccurred())
	goesOn(ctx, s.primary)
	Consistently(s.primary.ControlData).WithContext(ctx).WithTimeout(hangs).WithPolling(50 * time.Millisecond).
		Should(HaveField("Checkpoint", data.Checkpoint))
}

func seenUnarchived(ctx context.Context, s sight) {
	GinkgoHelper()
	waiting := func(ctx context.Context) (n int) {
		query := `select count(*) from pg_ls_archive_statusdir() where name like '%.ready'`
		Expect(s.primary.Query(ctx, query, nil, &n)).To(Succeed())
		return n
	}
	before := waiting(ctx)
	Expect(before).To(BeNumerically(">", 0))
	goesOn(ctx, s.primary)
	Expect(s.primary.SQL(ctx, `select pg_switch_wal()`)).To(Succeed())
	Consistently(waiting).WithContext(ctx).WithTimeout(hangs).WithPolling(50 * time.Millisecond).Should(BeNumerically(">", before))
}

func seenHanging(ctx context.Context, s sight) {
	GinkgoHelper()
	Expect(connects(ctx, s.standby, works)).To(Succeed())
	limited, cancel := context.WithTimeout(ctx, hangs)
	defer cancel()
	_, err := s.session.Exec(limited, `select 1`) // the context's end closes it
	Expect(err).To(MatchError(context.DeadlineExceeded))
}
