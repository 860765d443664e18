package selftest

import (
	"context"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// resourceSpecs are the specs of limits; bench gives the pair that they share.
func resourceSpecs(bench func() *bench) {
	It("starve: a query gets its share of a CPU and no more", Label("resource"), func(ctx SpecContext) {
		b := bench()
		_, standby := b.nodes(ctx)
		const share = 0.05
		before, _, err := standby.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.runner.Run(ctx, fault.Starve{Target: fault.Standby(), Share: share}, func(ctx context.Context) error {
			// The kernel's own count of one process: other means than the control group's of all of them.
			used, took := spent(ctx, standby, `select count(*) from generate_series(1, 500000)`)
			Expect(used.Seconds()).To(BeNumerically("<", 2*share*took.Seconds()+0.02), "%s of CPU time in %s", used, took)
			return nil
		})).To(Succeed())
		after, _, err := standby.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(HaveField("Quota", before.Quota))
		b.whole(ctx)

		By("giving the CPU back behind the fault's back")
		in, err := b.runner.Inject(ctx, fault.Starve{Target: fault.Standby(), Share: share})
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.LimitCPU(ctx, before)).To(Succeed())
		_, err = in.Active.Verify(ctx)
		Expect(err).To(MatchError(Or(ContainSubstring("should have got no more"), ContainSubstring("was not throttled"))))
		expectNoEffect(b.runner.Heal(ctx), "before revert")
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))

	It("memory pressure: files do not stay in memory, and nobody is killed", Label("resource"), func(ctx SpecContext) {
		b := bench()
		_, standby := b.nodes(ctx)
		_, before, err := standby.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		postmaster, err := standby.PIDs(ctx, cluster.Postmaster)
		Expect(err).NotTo(HaveOccurred())
		press := fault.MemoryPressure{Target: fault.Standby(), Headroom: 16 << 20}
		Expect(b.runner.Run(ctx, press, func(ctx context.Context) error {
			const file = 128 << 20
			cached := cachedAfterWriting(ctx, standby, file)
			Expect(cached).To(BeNumerically("<", file), "what is cached of a file of %d bytes and all others", file)
			return nil
		})).To(Succeed())
		b.whole(ctx)
		Expect(standby.PIDs(ctx, cluster.Postmaster)).To(Equal(postmaster))
		_, after, err := standby.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(Equal(before))

		By("giving the memory back behind the fault's back")
		in, err := b.runner.Inject(ctx, press)
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.LimitMemory(ctx, before)).To(Succeed())
		_, err = in.Active.Verify(ctx)
		Expect(err).To(MatchError(Or(ContainSubstring("read from the device again"), ContainSubstring("was not hit"))))
		expectNoEffect(b.runner.Heal(ctx), "before revert")
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
}

// spent runs a query in a session of its own and says how much CPU time its process got, and how long it took.
func spent(ctx context.Context, n *cluster.Node, query string) (used, took time.Duration) {
	GinkgoHelper()
	session, err := n.Connect(ctx, cluster.Admin)
	Expect(err).NotTo(HaveOccurred())
	defer session.Close(ctx)
	var pid int
	Expect(session.QueryRow(ctx, `select pg_backend_pid()`).Scan(&pid)).To(Succeed())
	clock := func() time.Duration {
		text, err := n.Shell(ctx, `read -r ran rest <"/proc/$1/schedstat" && echo "$ran"`, strconv.Itoa(pid))
		Expect(err).NotTo(HaveOccurred())
		ran, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		Expect(err).NotTo(HaveOccurred())
		return time.Duration(ran)
	}
	before, began := clock(), time.Now()
	_, err = session.Exec(ctx, query)
	Expect(err).NotTo(HaveOccurred())
	return clock() - before, time.Since(began)
}

// cachedAfterWriting writes a file, removes it, and says how many bytes of files the node had in its memory while it was there.
func cachedAfterWriting(ctx context.Context, n *cluster.Node, bytes int64) int64 {
	GinkgoHelper()
	file := n.ArchiveDir() + "/spec"
	_, err := n.Shell(ctx, `dd if=/dev/zero of="$1" bs=1048576 count="$2" conv=fsync 2>/dev/null`, file, strconv.FormatInt(bytes>>20, 10))
	Expect(err).NotTo(HaveOccurred())
	usage, err := n.Usage(ctx)
	Expect(err).NotTo(HaveOccurred())
	_, err = n.Shell(ctx, `rm "$1"`, file)
	Expect(err).NotTo(HaveOccurred())
	return usage.PageCache
}
