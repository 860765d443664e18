package selftest

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

var _ = Describe("A node", Label("cluster"), Ordered, func() {
	var pair *cluster.Cluster
	var primary, standby *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		pair, _ = startPair(ctx, cluster.Pair(cluster.Async))
		primary, standby = pair.Nodes()[0], pair.Nodes()[1]
	}, NodeTimeout(specTimeout))

	AfterEach(func(ctx SpecContext) {
		Eventually(whole).WithContext(ctx).WithArguments(pair).WithTimeout(time.Minute).WithPolling(50*time.Millisecond).
			Should(Succeed(), "the next spec needs a whole pair")
	}, NodeTimeout(specTimeout))

	for _, mode := range []cluster.StopMode{cluster.Fast, cluster.Immediate, cluster.Smart} {
		It("stops ("+string(mode)+") and starts", func(ctx SpecContext) {
			Expect(standby.Stop(ctx, mode)).To(Succeed())
			Expect(standby.Running(ctx)).To(BeFalse())
			Expect(standby.PIDs(ctx, cluster.Startup)).To(BeEmpty())
			Expect(standby.Stop(ctx, mode)).To(Succeed(), "one that does not run is stopped already")
			Expect(standby.Start(ctx)).To(Succeed())
			Expect(standby.Role(ctx)).To(Equal(cluster.Standby))
		}, SpecTimeout(specTimeout))
	}

	It("is killed at a moment that is known, leaves no process, and starts again", func(ctx SpecContext) {
		before := time.Now()
		at, err := primary.Kill(ctx)
		after := time.Now()
		Expect(err).NotTo(HaveOccurred())
		Expect(at).To(And(BeTemporally(">", before), BeTemporally("<", after)))
		Expect(primary.Running(ctx)).To(BeFalse())
		_, err = primary.Signal(ctx, cluster.Postmaster, syscall.SIGTERM)
		Expect(err).To(MatchError(ContainSubstring("has no postmaster")))
		_, err = pair.Primary(ctx)
		Expect(err).To(MatchError(ContainSubstring("no node says it is the primary")))
		Expect(primary.Start(ctx)).To(Succeed())
		Expect(pair.Primary(ctx)).To(Equal(primary))
	}, SpecTimeout(specTimeout))

	It("has each process that a pair has, by name", func(ctx SpecContext) {
		for process, where := range map[cluster.Process]*cluster.Node{
			cluster.Postmaster: primary, cluster.WALSender: primary, cluster.Checkpointer: primary, cluster.WALWriter: primary,
			cluster.Archiver: primary, cluster.WALReceiver: standby, cluster.Startup: standby, "background writer": primary,
		} {
			Expect(where.PIDs(ctx, process)).To(HaveLen(1), "%s on %s", process, where)
		}
		Expect(standby.PIDs(ctx, cluster.WALSender)).To(BeEmpty())
	}, SpecTimeout(specTimeout))

	It("that cannot stop is an error that names what is still there; it stops once that is thawed", func(ctx SpecContext) {
		_, err := primary.Signal(ctx, cluster.Checkpointer, syscall.SIGSTOP)
		Expect(err).NotTo(HaveOccurred())
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		Expect(primary.Stop(short, cluster.Fast)).To(MatchError(And(ContainSubstring("still there"), ContainSubstring("checkpointer"))))
		Expect(primary.Running(ctx)).To(BeTrue())
		_, err = primary.Signal(ctx, cluster.Checkpointer, syscall.SIGCONT)
		Expect(err).NotTo(HaveOccurred())
		Expect(primary.Stop(ctx, cluster.Fast)).To(Succeed())
		Expect(primary.Start(ctx)).To(Succeed())
	}, SpecTimeout(specTimeout))

	It("frozen by SIGSTOP still runs", func(ctx SpecContext) {
		_, err := standby.Signal(ctx, cluster.Postmaster, syscall.SIGSTOP)
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.Running(ctx)).To(BeTrue())
		_, err = standby.Signal(ctx, cluster.Postmaster, syscall.SIGCONT)
		Expect(err).NotTo(HaveOccurred())
	}, SpecTimeout(specTimeout))

	It("whose settings are wrong does not start, and its log says why", func(ctx SpecContext) {
		Expect(standby.Stop(ctx, cluster.Fast)).To(Succeed())
		good, err := standby.ReadFile(ctx, standby.DataDir()+"/postgresql.auto.conf")
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.WriteFile(ctx, standby.DataDir()+"/postgresql.auto.conf", []byte("no_such_setting = on\n"))).To(Succeed())
		Expect(standby.Start(ctx)).To(MatchError(ContainSubstring(`unrecognized configuration parameter "no_such_setting"`)))
		Expect(standby.WriteFile(ctx, standby.DataDir()+"/postgresql.auto.conf", good)).To(Succeed())
		Expect(standby.Start(ctx)).To(Succeed())
	}, SpecTimeout(specTimeout))

	It("keeps address and ports when its container is killed and started", func(ctx SpecContext) {
		address, port := primary.Address(), primary.Endpoint()
		_, err := primary.KillContainer(ctx)
		Expect(err).NotTo(HaveOccurred())
		_, err = primary.Shell(ctx, ":")
		Expect(err).To(HaveOccurred(), "there is no container to run it in")
		Expect(primary.StartContainer(ctx)).To(Succeed())
		Expect(primary.Running(ctx)).To(BeFalse(), "PostgreSQL is started by nobody but the harness")
		Expect(primary.Start(ctx)).To(Succeed())
		Expect([]string{primary.Address(), primary.Endpoint()}).To(Equal([]string{address, port}))
	}, SpecTimeout(specTimeout))

	It("starts although a process that died with its container has left a PID that is another's now", func(ctx SpecContext) {
		Expect(standby.Stop(ctx, cluster.Fast)).To(Succeed())
		other, err := standby.Shell(ctx, `sleep 3600 >/dev/null 2>&1 & echo "$!"`)
		Expect(err).NotTo(HaveOccurred())
		other = strings.TrimSpace(other)
		left := other + "\n" + standby.DataDir() + "\n1\n5432\n/pg/run\n*\n1 1\nready   \n"
		for _, lock := range []string{standby.DataDir() + "/postmaster.pid", "/pg/run/.s.PGSQL.5432.lock"} {
			Expect(standby.WriteFile(ctx, lock, []byte(left))).To(Succeed())
		}
		Expect(standby.Start(ctx)).To(Succeed())
		_, err = standby.Shell(ctx, `kill "$1"`, other)
		Expect(err).NotTo(HaveOccurred())
	}, SpecTimeout(specTimeout))

	It("can be stopped, and frozen, with its container", func(ctx SpecContext) {
		Expect(standby.StopContainer(ctx, time.Second)).To(Succeed())
		Expect(standby.StartContainer(ctx)).To(Succeed())
		Expect(standby.Start(ctx)).To(Succeed())
		Expect(standby.PauseContainer(ctx)).To(Succeed())
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		Expect(standby.SQL(short, "SELECT 1")).NotTo(Succeed())
		Expect(standby.UnpauseContainer(ctx)).To(Succeed())
		Eventually(standby.SQL).WithContext(ctx).WithArguments("SELECT 1").WithTimeout(time.Minute).WithPolling(50 * time.Millisecond).Should(Succeed())
	}, SpecTimeout(specTimeout))
})

// whole says whether a row written now on the first node is read on the second.
func whole(ctx context.Context, pair *cluster.Cluster) error {
	token, err := pair.Mark(ctx, pair.Nodes()[0])
	if err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pair.Nodes()[1].AwaitMark(short, token)
}

func passwordOf(dsn string) string {
	GinkgoHelper()
	parsed, err := url.Parse(dsn)
	Expect(err).NotTo(HaveOccurred())
	password, _ := parsed.User.Password()
	return password
}

var _ = Describe("A young standby", Label("cluster", "long"), func() {
	It("starts although it has still to replay the passwords of its roles", func(ctx SpecContext) {
		pair, _ := startPair(ctx, cluster.Pair(cluster.Async))
		primary, standby := pair.Nodes()[0], pair.Nodes()[1]
		_, err := standby.Kill(ctx)
		Expect(err).NotTo(HaveOccurred())
		var age int // in milliseconds, of the first marker, which was written right after the passwords
		query := `select (extract(epoch from clock_timestamp() - min(at)) * 1000)::int from crucible.marker`
		Expect(primary.Query(ctx, query, nil, &age)).To(Succeed())
		_, err = standby.Shell(ctx, `echo "recovery_min_apply_delay = '$1ms'" >>"$PGDATA/postgresql.auto.conf"`, strconv.Itoa(age+4000))
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.Start(ctx)).To(Succeed())
		Expect(standby.Log(ctx, 0)).To(ContainSubstring("has no password assigned"), "else it proves nothing")
	}, SpecTimeout(specTimeout))
})
