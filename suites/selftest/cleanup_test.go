package selftest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
	"github.com/pgcrucible/pgcrucible/harness/session/sweep"
)

const (
	// emptyWithin is what is promised for kill -9; every other end keeps it too.
	emptyWithin = 30 * time.Second
	// cleanupTimeout holds a child's own BeforeSuite, pair and end.
	cleanupTimeout = 4 * time.Minute
)

// However a test process ends, nothing of it is left on the engine, without any later run; and what it recorded can be read.
var _ = Describe("Clean-up", Label("cleanup"), func() {
	var docker *client.Client
	BeforeEach(func(ctx SpecContext) {
		var err error
		docker, err = image.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(docker.Close)
	}, NodeTimeout(specTimeout))

	DescribeTable("after", func(ctx SpecContext, how ending, sent syscall.Signal, exit int) {
		one := startChild(ctx, how)
		flushed := one.awaitFlushes(3)
		used := one.things(ctx, docker)
		Expect(used).To(ContainElement(HavePrefix("network ")), "a network carries the session's label")
		if sent != 0 {
			Expect(one.command.Process.Signal(sent)).To(Succeed())
		}
		flushed = max(flushed, one.drain())
		Expect(one.exit()).To(Equal(exit))
		one.eventuallyGone(ctx, docker, used)
		run, err := history.Load(one.dir)
		Expect(err).NotTo(HaveOccurred())
		Expect(len(run.Ops)).To(BeNumerically(">=", flushed))
	},
		Entry("success", bySuccess, syscall.Signal(0), 0, SpecTimeout(cleanupTimeout)),
		Entry("failure", byFailure, syscall.Signal(0), 1, SpecTimeout(cleanupTimeout)),
		Entry("panic in a spec", byPanic, syscall.Signal(0), 1, SpecTimeout(cleanupTimeout)),
		Entry("panic that nobody catches", byCrash, syscall.Signal(0), 2, SpecTimeout(cleanupTimeout)),
		Entry("interrupt", bySignal, syscall.SIGINT, 1, SpecTimeout(cleanupTimeout)),
		Entry("SIGTERM", bySignal, syscall.SIGTERM, 1, SpecTimeout(cleanupTimeout)),
		Entry("kill -9", bySignal, syscall.SIGKILL, -int(syscall.SIGKILL), SpecTimeout(cleanupTimeout)),
	)

	It("after kill -9 in the middle of building a pair", func(ctx SpecContext) {
		one := startChild(ctx, bySignal)
		Eventually(func() ([]string, error) { return thingsOf(ctx, docker, one.session) }).WithContext(ctx).
			WithTimeout(emptyWithin).WithPolling(10*time.Millisecond).Should(WithTransform(func(things []string) int { return len(things) }, BeNumerically(">=", 3)), "its reaper and the first that belongs to the pair")
		Expect(one.command.Process.Kill()).To(Succeed())
		used := one.things(ctx, docker)
		one.drain()
		one.eventuallyGone(ctx, docker, used)
	}, SpecTimeout(cleanupTimeout))
})

// child is a run of this suite's own program as a process of its own.
type child struct {
	command *exec.Cmd
	dir     string // of its record
	session string
	said    *bufio.Scanner
}

// startChild returns when the child has its session and is about to build its pair.
func startChild(ctx context.Context, how ending, more ...string) *child {
	GinkgoHelper()
	self, err := os.Executable()
	Expect(err).NotTo(HaveOccurred())
	one := &child{dir: filepath.Join(GinkgoT().TempDir(), "run")}
	one.command = exec.CommandContext(ctx, self, "-test.run=TestSelftest", "-ginkgo.label-filter=child", "-ginkgo.no-color")
	one.command.Env = append(os.Environ(), childEnds+"="+string(how), childDir+"="+one.dir,
		"PGCRUCIBLE_VERSION="+given.Version, "PGCRUCIBLE_IMAGE="+given.Image)
	one.command.Env = append(one.command.Env, more...)
	out, err := one.command.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	one.command.Stderr = GinkgoWriter
	one.said = bufio.NewScanner(io.TeeReader(out, GinkgoWriter))
	Expect(one.command.Start()).To(Succeed())
	DeferCleanup(func() { _ = one.command.Process.Kill() }) // it has ended if all went well
	one.expect("child session %s", &one.session)
	return one
}

// expect reads up to a line of that form.
func (c *child) expect(format string, into any) {
	GinkgoHelper()
	for c.said.Scan() {
		if _, err := fmt.Sscanf(c.said.Text(), format, into); err == nil {
			return
		}
	}
	Fail("the child ended before it said: " + format)
}

// awaitFlushes waits for some flushes and returns how many operations the last one had put on disk.
func (c *child) awaitFlushes(times int) (flushed int) {
	GinkgoHelper()
	for range times {
		c.expect("child flushed %d", &flushed)
	}
	return flushed
}

// drain reads until the child has ended and returns the last number of flushed operations.
func (c *child) drain() (flushed int) {
	for c.said.Scan() {
		_, _ = fmt.Sscanf(c.said.Text(), "child flushed %d", &flushed) // other lines are Ginkgo's
	}
	return flushed
}

// exit is the child's exit status, or the negative number of the signal that ended it.
func (c *child) exit() int {
	err := c.command.Wait()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		return 0
	}
	if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return failed.ExitCode()
}

// things are the containers, networks and volumes of the child, with the volumes that its containers use though they carry no label.
func (c *child) things(ctx context.Context, docker *client.Client) []string {
	GinkgoHelper()
	all, err := sweep.Dial(docker.Dialer()).List(ctx, session.SessionLabel+"="+c.session)
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, thing := range all {
		names = append(names, thing.String())
		if thing.Kind != sweep.Container {
			continue
		}
		if found, err := docker.ContainerInspect(ctx, thing.ID, client.ContainerInspectOptions{}); err == nil {
			for _, m := range found.Container.Mounts {
				if m.Type == mount.TypeVolume {
					names = append(names, "volume "+m.Name)
				}
			}
		}
	}
	return names
}

// eventuallyGone waits until nothing carries the child's label and none of what it used is left.
func (c *child) eventuallyGone(ctx context.Context, docker *client.Client, used []string) {
	GinkgoHelper()
	ended := time.Now()
	Eventually(func() ([]string, error) { return thingsOf(ctx, docker, c.session) }).WithContext(ctx).
		WithTimeout(emptyWithin).WithPolling(50 * time.Millisecond).Should(BeEmpty())
	AddReportEntry("engine empty after", time.Since(ended).Round(10*time.Millisecond).String())
	everything, err := sweep.Dial(docker.Dialer()).List(ctx)
	Expect(err).NotTo(HaveOccurred())
	for _, thing := range everything {
		Expect(used).NotTo(ContainElement(thing.String()), "it belonged to the child")
	}
}
