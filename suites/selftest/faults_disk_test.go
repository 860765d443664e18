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

	DescribeTable("is found to have no effect", func(ctx SpecContext, harm fault.Fault, spoil func(context.Context, *cluster.Node) error) {
		_, err := b.runner.Inject(ctx, spoilt{harm, func(ctx context.Context) { Expect(spoil(ctx, standby)).To(Succeed()) }})
		expectNoEffect(err, "after injection")
		b.whole(ctx)
	},
		Entry("full, if the space is given back", fault.DiskFull{Target: fault.Standby(), Restart: true}, func(ctx context.Context, n *cluster.Node) error {
			_, err := n.Disk(ctx, "drain")
			return err
		}, SpecTimeout(faultTimeout)),
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

// remount has a node's container mount its disk anew.
func remount(ctx context.Context, n *cluster.Node) error {
	if err := n.StopContainer(ctx, 0); err != nil {
		return err
	}
	return n.StartContainer(ctx)
}
