package selftest

import (
	"context"
	"fmt"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/image"
)

var _ = Describe("Power loss", Label("faults", "disk"), Ordered, func() {
	var node *cluster.Node
	var runner *fault.Runner
	BeforeAll(func(ctx SpecContext) {
		pair, _ := startPair(ctx, cluster.Topology{Nodes: []string{"pg1"}, Commit: cluster.Async, Disk: cluster.LoopDisk})
		node = pair.Nodes()[0]
		var err error
		runner, err = fault.NewRunner(pair)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { Expect(runner.Close(ctx)).To(Succeed()) }, NodeTimeout(closeWithin))
		Expect(node.SQL(ctx, "create table acknowledged (fsync text, row int)")).To(Succeed())
		Expect(node.SQL(ctx, "checkpoint")).To(Succeed())
	}, NodeTimeout(specTimeout))

	// The node with fsync=off comes last: its data folder is not to be trusted afterwards.
	const rows = 200
	DescribeTable("takes", func(ctx SpecContext, fsync string, survivors OmegaMatcher) {
		Expect(node.SQL(ctx, "alter system set fsync = "+fsync)).To(Succeed())
		Expect(node.Reload(ctx)).To(Succeed())
		Eventually(func(ctx context.Context) (now string, err error) {
			err = node.Query(ctx, "show fsync", nil, &now)
			return now, err
		}).WithContext(ctx).WithTimeout(30 * time.Second).WithPolling(20 * time.Millisecond).Should(Equal(fsync))
		for row := range rows {
			Expect(node.SQL(ctx, "insert into acknowledged values ($1, $2)", fsync, row)).To(Succeed())
		}
		Expect(runner.Run(ctx, fault.PowerLoss{Target: fault.Primary(), Restart: true}, func(ctx context.Context) error {
			Expect(knocks(node)).To(MatchError(ContainSubstring("refused")))
			_, err := node.Exec(ctx, "true")
			Expect(err).To(HaveOccurred())
			return nil
		})).To(Succeed())
		var left int
		Expect(node.Query(ctx, "select count(*) from acknowledged where fsync = $1", []any{fsync}, &left)).To(Succeed())
		AddReportEntry("rows left with fsync="+fsync, fmt.Sprintf("%d of %d acknowledged", left, rows))
		Expect(left).To(survivors)
	},
		Entry("nothing that was acknowledged with fsync=on", "on", Equal(rows), SpecTimeout(faultTimeout)),
		Entry("what was acknowledged with fsync=off", "off", BeNumerically("<", rows), SpecTimeout(faultTimeout)),
	)
})

var _ = Describe("Faults of disks", Label("faults", "disk"), Ordered, ContinueOnFailure, func() {
	var b *bench
	var primary, standby *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		topology := cluster.Pair(cluster.Async)
		topology.Disk = cluster.LoopDisk
		topology.Rows = 1000
		b = startBench(ctx, topology)
		primary, standby = b.nodes(ctx)
	}, NodeTimeout(specTimeout))
	AfterEach(func(ctx SpecContext) { b.explain(ctx) }, NodeTimeout(closeWithin))

	It("full: a table cannot grow, the other node's can", func(ctx SpecContext) {
		const grow = "create unlogged table grown as select repeat('x', 900) from generate_series(1, 2000)"
		Expect(b.runner.Run(ctx, fault.DiskFull{Target: fault.Primary(), Restart: true}, func(ctx context.Context) error {
			Expect(primary.SQL(ctx, grow)).To(MatchError(ContainSubstring("53100")))
			_, err := standby.Shell(ctx, `dd if=/dev/zero of=/pg/grown bs=8192 count=16 2>/dev/null && rm /pg/grown`)
			return err
		})).To(Succeed())
		Expect(primary.SQL(ctx, grow)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("read-only: the standby's files can be read and not written, and it ends when it must write", func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.DiskReadOnly{Target: fault.Standby(), Restart: true}, func(ctx context.Context) error {
			_, err := standby.Shell(ctx, `: >/pg/written`)
			Expect(err).To(MatchError(ContainSubstring("Read-only file system")))
			Expect(standby.ControlData(ctx)).To(HaveField("State", "in archive recovery"))
			Eventually(standby.Running).WithContext(ctx).WithTimeout(time.Minute).WithPolling(50 * time.Millisecond).Should(BeFalse())
			Expect(knocks(primary)).To(Succeed())
			return nil
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("power loss of the primary: the standby loses nothing, and streams again", func(ctx SpecContext) {
		token, err := b.pair.Mark(ctx, primary)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.runner.Run(ctx, fault.PowerLoss{Target: fault.Primary(), Restart: true}, func(context.Context) error {
			Expect(knocks(primary)).To(MatchError(ContainSubstring("refused")))
			Expect(knocks(standby)).To(Succeed())
			return nil
		})).To(Succeed())
		Expect(primary.AwaitMark(ctx, token)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("slow: a commit takes as long as the disk, and nothing fails", func(ctx SpecContext) {
		const slower = 300 * time.Millisecond
		Expect(b.runner.Run(ctx, fault.DiskSlow{Target: fault.Primary(), Sync: slower}, func(ctx context.Context) error {
			began := time.Now()
			_, err := b.pair.Mark(ctx, primary)
			Expect(time.Since(began)).To(BeNumerically(">=", slower))
			return err
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("slow: bytes pass at the rate that was given", Label("long"), func(ctx SpecContext) {
		Expect(b.runner.Run(ctx, fault.DiskSlow{Target: fault.Standby(), Rate: 1 << 20}, func(ctx context.Context) error {
			began := time.Now()
			_, err := standby.Shell(ctx, `dd if=/dev/zero of=/pg/bulk bs=65536 count=16 conv=fsync 2>/dev/null && rm /pg/bulk`)
			Expect(time.Since(began)).To(BeNumerically(">=", time.Second))
			return err
		})).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("error under WAL: PostgreSQL panics rather than acknowledge, and loses nothing that it has acknowledged", func(ctx SpecContext) {
		token, err := b.pair.Mark(ctx, primary)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.runner.Run(ctx, fault.DiskError{Target: fault.Primary(), Restart: true}, func(ctx context.Context) error {
			Eventually(primary.Log).WithContext(ctx).WithArguments(int64(0)).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).
				Should(And(ContainSubstring("PANIC:"), ContainSubstring("Input/output error")))
			Eventually(primary.Running).WithContext(ctx).WithTimeout(time.Minute).WithPolling(50*time.Millisecond).Should(BeFalse(), "its recovery cannot read WAL")
			Expect(knocks(standby)).To(Succeed())
			return nil
		})).To(Succeed())
		Expect(primary.AwaitMark(ctx, token)).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("error under a table: reading it fails, and only it", func(ctx SpecContext) {
		var file string
		Expect(standby.Query(ctx, "select pg_relation_filepath('app.ballast')", nil, &file)).To(Succeed())
		read := func(ctx context.Context, table string) error {
			var rows int
			return standby.Query(ctx, "select count(*) from "+table, nil, &rows)
		}
		Expect(b.runner.Run(ctx, fault.DiskError{Target: fault.Standby(), Path: file}, func(ctx context.Context) error {
			Expect(read(ctx, "app.ballast")).To(MatchError(ContainSubstring("Input/output error")))
			return read(ctx, "app.ledger")
		})).To(Succeed())
		Expect(read(ctx, "app.ballast")).To(Succeed())
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("error of a file that is not there, or elsewhere", func(ctx SpecContext) {
		for _, path := range []string{"no/such/file", "../log/postgresql.log"} {
			_, err := b.runner.Inject(ctx, fault.DiskError{Target: fault.Standby(), Path: path})
			Expect(err).To(MatchError(fault.ErrNoTarget))
		}
	}, SpecTimeout(faultTimeout))

	DescribeTable("is found to have no effect", func(ctx SpecContext, harm fault.Fault, spoil func(context.Context, *cluster.Node) error) {
		_, err := b.runner.Inject(ctx, spoilt{harm, func(ctx context.Context) { Expect(spoil(ctx, standby)).To(Succeed()) }})
		expectNoEffect(err, "after injection")
		b.whole(ctx)
	},
		Entry("full, if the space is given back", fault.DiskFull{Target: fault.Standby(), Restart: true}, asked("drain"), SpecTimeout(faultTimeout)),
		Entry("slow, if nothing is held up", fault.DiskSlow{Target: fault.Standby(), Sync: time.Minute}, asked("slow", "0", "0"), SpecTimeout(faultTimeout)),
		Entry("error, if the disk is mended", fault.DiskError{Target: fault.Standby(), Restart: true}, asked("mend"), SpecTimeout(faultTimeout)),
		Entry("read-only, if the disk is mounted anew", fault.DiskReadOnly{Target: fault.Standby(), Restart: true}, remount, SpecTimeout(faultTimeout)),
		Entry("power loss, if what was not synced is still there", fault.PowerLoss{Target: fault.Standby(), Restart: true}, func(ctx context.Context, n *cluster.Node) error {
			if err := n.StartContainer(ctx); err != nil {
				return err
			}
			if _, err := n.Shell(ctx, `cp /pg/power-synced /pg/power-unsynced`); err != nil {
				return err
			}
			return n.StopContainer(ctx, 0)
		}, SpecTimeout(faultTimeout)),
	)

	It("is taken back by make heal", Label("long"), func(ctx SpecContext) {
		for _, harm := range []fault.Fault{
			fault.DiskFull{Target: fault.Standby()},
			fault.DiskSlow{Target: fault.Standby(), Sync: time.Second},
			fault.DiskError{Target: fault.Standby()},
			fault.DiskReadOnly{Target: fault.Standby()},
			fault.PowerLoss{Target: fault.On(standby.Name())},
		} {
			By(harm.String())
			bound, err := harm.Bind(ctx, b.runner)
			Expect(err).NotTo(HaveOccurred())
			active, err := bound.Inject(ctx)
			Expect(err).NotTo(HaveOccurred())
			_, err = active.Verify(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(heal(ctx, bound.Undo())).To(ContainSubstring("done"))
			_, err = active.VerifyReverted(ctx)
			Expect(err).NotTo(HaveOccurred())
			running, err := standby.Running(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !running {
				Expect(standby.Start(ctx)).To(Succeed())
			}
			b.whole(ctx)
		}
	}, SpecTimeout(faultTimeout))

	It("leaves no loop device, though the tester is killed by kill -9", func(ctx SpecContext) {
		docker, err := image.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		defer docker.Close()
		one := startChild(ctx, bySignal, childDisk+"="+string(cluster.LoopDisk))
		var devices [2]string
		for i := range devices {
			one.expect("child disk /dev/%s", &devices[i])
			devices[i] = "/sys/block/" + devices[i] + "/loop"
		}
		one.awaitFlushes(1)
		if _, err := os.Stat(devices[0]); err != nil {
			Skip("the engine's devices are not this machine's: " + err.Error())
		}
		used := one.things(ctx, docker)
		Expect(used).To(ContainElement(And(HavePrefix("volume "), HaveSuffix("-pg1-disk"))))
		Expect(one.command.Process.Kill()).To(Succeed())
		one.drain()
		one.eventuallyGone(ctx, docker, used)
		for _, device := range devices {
			Eventually(device).WithContext(ctx).WithTimeout(emptyWithin).WithPolling(50 * time.Millisecond).ShouldNot(BeADirectory())
		}
	}, SpecTimeout(cleanupTimeout))
})

// asked is one of the agent's disk commands, beside a node.
func asked(command ...string) func(context.Context, *cluster.Node) error {
	return func(ctx context.Context, n *cluster.Node) error {
		_, err := n.Disk(ctx, command...)
		return err
	}
}

// remount has a node's container mount its disk anew.
func remount(ctx context.Context, n *cluster.Node) error {
	if err := n.StopContainer(ctx, 0); err != nil {
		return err
	}
	return n.StartContainer(ctx)
}
