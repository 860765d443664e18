package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// journalVariable makes this test program a tester that has written intents and lives until it is killed.
const journalVariable = "PGCRUCIBLE_JOURNAL"

// written is where such a tester writes its journal, and what stands in it.
type written struct {
	Dir  string
	Undo []intent.Action
}

// hold writes the journal, says so, and waits to be killed, or for its parent's end.
func (w written) hold() error {
	journal, err := intent.Open(w.Dir)
	if err != nil {
		return err
	}
	if _, err := journal.Begin("faults of a spec", w.Undo); err != nil {
		return err
	}
	_, err = os.Stdout.WriteString("\n")
	_, ended := io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, ended)
}

// init is this program's life as that tester.
func init() {
	text := os.Getenv(journalVariable)
	if text == "" {
		return
	}
	var w written
	if err := errors.Join(json.Unmarshal([]byte(text), &w), w.hold()); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// holdJournal starts such a tester and returns when its journal is on disk.
func holdJournal(ctx context.Context, dir string, undo []intent.Action) *exec.Cmd {
	GinkgoHelper()
	text, err := json.Marshal(written{dir, undo})
	Expect(err).NotTo(HaveOccurred())
	tester := exec.CommandContext(ctx, os.Args[0])
	tester.Env = append(os.Environ(), journalVariable+"="+string(text))
	said, err := tester.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	_, err = tester.StdinPipe() // closed when this process ends
	Expect(err).NotTo(HaveOccurred())
	Expect(tester.Start()).To(Succeed())
	_, err = io.ReadFull(said, make([]byte, 1))
	Expect(err).NotTo(HaveOccurred())
	return tester
}

// healSpecs are the specs of faults that no lease ends; bench gives the pair that they share.
func healSpecs(bench func() *bench) {
	It("is taken back by make heal after kill -9 of the tester, and not before", Label("resource", "crash"), func(ctx SpecContext) {
		b := bench()
		primary, standby := b.nodes(ctx)
		faults := []fault.Fault{
			fault.Freeze{Target: fault.On(primary.Name()), Process: cluster.Checkpointer},
			fault.Starve{Target: fault.On(primary.Name()), Share: 0.1},
			fault.MemoryPressure{Target: fault.On(primary.Name()), Headroom: 32 << 20},
			fault.Pause(fault.On(standby.Name())),
		}
		cpu, memory, err := primary.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		undo, actives := breakUnjournalled(ctx, b.runner, faults)

		dir := GinkgoT().TempDir()
		tester := holdJournal(ctx, dir, undo)
		Expect(makeHeal(ctx, dir)).To(ContainSubstring("nothing to heal"))
		Expect(standby.Paused(ctx)).To(BeTrue(), "the tester lives")
		Expect(tester.Process.Kill()).To(Succeed())
		Expect(tester.Wait()).NotTo(Succeed())
		GinkgoWriter.Println(makeHeal(ctx, dir))
		Expect(os.ReadDir(dir)).To(BeEmpty())

		Expect(standby.Paused(ctx)).To(BeFalse())
		Expect(frozenProcesses(ctx, primary)).To(BeEmpty())
		usage, err := primary.Usage(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(usage.Quota).To(BeZero())
		Expect(usage.MemoryLimit).To(BeZero())
		nowCPU, nowMemory, err := primary.Limits(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(nowCPU.Quota).To(Equal(cpu.Quota))
		Expect(nowMemory).To(Equal(memory))
		for _, active := range actives { // it finds nothing left to do
			Expect(active.Revert(ctx)).To(Succeed())
			_, err := active.VerifyReverted(ctx)
			Expect(err).NotTo(HaveOccurred())
		}
		b.whole(ctx)
	}, SpecTimeout(faultTimeout))
}

// breakUnjournalled injects faults whose intents nobody has written; it returns what takes them back, for a journal.
func breakUnjournalled(ctx context.Context, runner *fault.Runner, faults []fault.Fault) (undo []intent.Action, actives []fault.Active) {
	GinkgoHelper()
	for _, f := range faults {
		Expect(f.Supported(ctx, runner.Cluster)).To(Succeed())
		bound, err := f.Bind(ctx, runner)
		Expect(err).NotTo(HaveOccurred())
		active, err := bound.Inject(ctx)
		Expect(err).NotTo(HaveOccurred())
		_, err = active.Verify(ctx)
		Expect(err).NotTo(HaveOccurred())
		undo, actives = append(undo, bound.Undo()...), append(actives, active)
	}
	return undo, actives
}

// makeHeal is make heal with a folder of journals; it returns what it said.
func makeHeal(ctx context.Context, dir string) string {
	GinkgoHelper()
	run := exec.CommandContext(ctx, "go", "run", "./fault/heal", "-dir", dir)
	run.Dir = "../.."
	said, err := run.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(said))
	return string(said)
}
