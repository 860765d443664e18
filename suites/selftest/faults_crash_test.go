package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// testerVariable makes this test program a tester that holds a cut until it is killed: see the label "tester" below.
const testerVariable = "PGCRUCIBLE_TESTER"

// held is what such a tester cuts, and for how long the cut outlives it.
type held struct {
	Agent, Token, Peer string
	Lease              time.Duration
}

// hold applies the rule and renews it for ever.
func (h held) hold(ctx context.Context) error {
	agent := wire.NewClient(h.Agent, h.Token)
	rule := wire.Rule{ID: "held", Direction: wire.Out, Peers: []string{h.Peer}, Action: wire.Drop, LeaseMillis: h.Lease.Milliseconds()}
	if _, err := agent.Do(ctx, wire.Request{Do: wire.Apply, Rules: []wire.Rule{rule}}); err != nil {
		return err
	}
	for tick := time.NewTicker(h.Lease / 5); ; <-tick.C {
		if _, err := agent.Do(ctx, wire.Request{Do: wire.Renew, IDs: []string{"held"}, LeaseMillis: h.Lease.Milliseconds()}); err != nil {
			return err
		}
	}
}

// init is this program's second life as a tester that is there to be killed.
func init() {
	text := os.Getenv(testerVariable)
	if text == "" {
		return
	}
	var h held
	if err := errors.Join(json.Unmarshal([]byte(text), &h), h.hold(context.Background())); err != nil {
		os.Exit(1)
	}
}

var _ = Describe("A tester that dies", Label("faults", "crash"), Ordered, func() {
	var pair *cluster.Cluster
	var from, to *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		pair, _ = startPair(ctx, cluster.Pair(cluster.Async))
		from, to = pair.Nodes()[0], pair.Nodes()[1]
	}, NodeTimeout(faultTimeout))

	// reaches tries a connection from one node to the other, from inside.
	reaches := func(ctx context.Context) (string, error) {
		agent := wire.NewClient(from.Agent())
		defer agent.Close()
		to := net.JoinHostPort(to.Address(), "5432")
		timing, err := agent.Do(ctx, wire.Request{Do: wire.Dial, To: to, WaitMillis: 100})
		if err != nil {
			return "", err
		}
		return timing.Reply.Outcome, nil
	}

	It("leaves a cut that the kernel ends within the lease, and not before", func(ctx SpecContext) {
		const lease = 3 * time.Second
		address, token := from.Agent()
		text, err := json.Marshal(held{address, token, to.Address(), lease})
		Expect(err).NotTo(HaveOccurred())
		tester := exec.CommandContext(ctx, os.Args[0])
		tester.Env = append(os.Environ(), testerVariable+"="+string(text))
		Expect(reaches(ctx)).To(Equal("connected"))
		Expect(tester.Start()).To(Succeed())
		Eventually(reaches).WithContext(ctx).WithTimeout(20 * time.Second).WithPolling(20 * time.Millisecond).Should(Equal("timeout"))
		Consistently(reaches).WithContext(ctx).WithTimeout(lease + lease/2).WithPolling(100 * time.Millisecond).Should(Equal("timeout"))

		Expect(tester.Process.Kill()).To(Succeed())
		Expect(tester.Wait()).NotTo(Succeed())
		killed := time.Now()
		Expect(reaches(ctx)).To(Equal("timeout"))
		Eventually(reaches).WithContext(ctx).WithTimeout(lease + 5*time.Second).WithPolling(20 * time.Millisecond).Should(Equal("connected"))
		healed := time.Since(killed)
		AddReportEntry("healed by the lease", healed.String()+" after the kill, lease "+lease.String())
		Expect(healed).To(BeNumerically("<=", lease+time.Second))
	}, SpecTimeout(faultTimeout))

	It("leaves a journal from which make heal takes the cut back", func(ctx SpecContext) {
		address, token := from.Agent()
		agent := wire.NewClient(address, token)
		defer agent.Close()
		rule := wire.Rule{ID: "long", Direction: wire.Out, Peers: []string{to.Address()}, Action: wire.Drop, LeaseMillis: time.Hour.Milliseconds()}
		_, err := agent.Do(ctx, wire.Request{Do: wire.Apply, Rules: []wire.Rule{rule}})
		Expect(err).NotTo(HaveOccurred())
		Expect(reaches(ctx)).To(Equal("timeout"))

		said := heal(ctx, []intent.Action{{Kind: intent.AgentRemove, Node: from.Name(), Agent: address, Token: token, IDs: []string{"long"}}})
		Expect(said).NotTo(ContainSubstring(token))
		Expect(reaches(ctx)).To(Equal("connected"))
	}, SpecTimeout(faultTimeout))
})

// heal has make heal's program take back what a journal names whose tester is dead, and returns what it said.
func heal(ctx context.Context, undo []intent.Action) string {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	journal, err := intent.Open(dir)
	Expect(err).NotTo(HaveOccurred())
	_, err = journal.Begin("a fault", undo)
	Expect(err).NotTo(HaveOccurred())
	Expect(journal.Close()).To(Succeed()) // open in it: as after a death
	program := exec.CommandContext(ctx, "go", "run", "./fault/heal", "-dir", dir)
	program.Dir = "../.."
	said, err := program.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(said))
	Expect(string(said)).To(ContainSubstring("done"))
	Expect(os.ReadDir(dir)).To(BeEmpty())
	return string(said)
}
