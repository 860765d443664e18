package selftest

import (
	"context"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// What the specs of faults of PostgreSQL look with.

func (p *postgresBench) sql(ctx context.Context, on *cluster.Node, query string, args ...any) {
	GinkgoHelper()
	Expect(on.SQL(ctx, query, args...)).To(Succeed(), query)
}

// eventually waits until a query returns true.
func (p *postgresBench) eventually(ctx context.Context, on *cluster.Node, query string, args ...any) {
	GinkgoHelper()
	Eventually(func(ctx context.Context) (yes bool, err error) {
		err = on.Query(ctx, query, args, &yes)
		return yes, err
	}).WithContext(ctx).WithTimeout(30*time.Second).WithPolling(20*time.Millisecond).Should(BeTrue(), query)
}

// reset takes a setting of the fault's away underneath.
func (p *postgresBench) reset(ctx context.Context, on *cluster.Node, setting string) {
	GinkgoHelper()
	p.sql(ctx, on, `alter system reset `+setting)
	p.sql(ctx, on, `select pg_reload_conf()`)
	p.eventually(ctx, on, `select current_setting($1) not like '%stuck%'`, setting)
}

func (p *postgresBench) logSays(ctx context.Context, on *cluster.Node, words string) {
	GinkgoHelper()
	Eventually(on.Log).WithContext(ctx).WithArguments(int64(0)).WithTimeout(30 * time.Second).WithPolling(50 * time.Millisecond).
		Should(ContainSubstring(words))
}

// runs waits until a program runs in the node whose command line has that word.
func (p *postgresBench) runs(ctx context.Context, on *cluster.Node, word string) {
	GinkgoHelper()
	Eventually(func(ctx context.Context) (string, error) {
		return on.Shell(ctx, `for p in /proc/[0-9]*; do tr '\0' ' ' <"$p/cmdline"; echo; done 2>/dev/null; :`)
	}).WithContext(ctx).WithTimeout(30 * time.Second).WithPolling(50 * time.Millisecond).Should(ContainSubstring(word))
}

// apace expects that a row written on the primary now is soon shown by the standby: nothing else is hit.
func (p *postgresBench) apace(ctx context.Context) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	token, err := p.pair.Mark(ctx, p.primary)
	Expect(err).NotTo(HaveOccurred())
	Expect(p.standby.AwaitMark(ctx, token)).To(Succeed())
}

// stop freezes processes; goOn has them go on.
func (p *postgresBench) stop(ctx context.Context, on *cluster.Node, pids []int) {
	GinkgoHelper()
	_, err := on.SignalPIDs(ctx, syscall.SIGSTOP, pids...)
	Expect(err).NotTo(HaveOccurred())
}

func (p *postgresBench) goOn(ctx context.Context, on *cluster.Node, pids []int) {
	GinkgoHelper()
	_, err := on.SignalPIDs(ctx, syscall.SIGCONT, pids...)
	Expect(err).NotTo(HaveOccurred())
}

// backends are those of the load's clients.
func (p *postgresBench) backends(ctx context.Context) (pids []int) {
	GinkgoHelper()
	Expect(p.primary.Query(ctx, `select coalesce(array_agg(pid order by pid), '{}') from pg_stat_activity where usename = 'app'`, nil, &pids)).To(Succeed())
	return pids
}

// synchronous has commits wait for the standby, or for nobody.
func (p *postgresBench) synchronous(ctx context.Context, on bool) {
	GinkgoHelper()
	Expect(p.primary.Identity(ctx, cluster.Primary, nil, on)).To(Succeed())
	Expect(p.primary.Reload(ctx)).To(Succeed())
	p.eventually(ctx, p.primary, `select (current_setting('synchronous_standby_names') <> '') = $1 and bool_and((sync_state <> 'async') = $1)
		from pg_stat_replication`, on)
}
