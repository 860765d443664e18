package selftest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// What a user can get wrong is said in one line that names the value, what was expected and where it came from, with status 2,
// before anything is started.
var _ = Describe("bad input", Ordered, Label("bad-input"), func() {
	var (
		suite   string // the failover suite as a program
		scratch string
	)

	BeforeAll(func(ctx SpecContext) {
		scratch = GinkgoT().TempDir()
		Expect(os.Chmod(scratch, 0o755)).To(Succeed())
		suite = filepath.Join(scratch, "failover.test")
		build := exec.CommandContext(ctx, "go", "test", "-c", "-o", suite, "../failover")
		output, err := build.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
	}, NodeTimeout(5*time.Minute))

	// refused runs the suite with one thing wrong and returns the one line it says.
	refused := func(ctx context.Context, as *syscall.Credential, env ...string) string {
		GinkgoHelper()
		var said bytes.Buffer
		command := exec.CommandContext(ctx, suite, "-ginkgo.no-color")
		command.Dir = "../failover" // where go test would run it
		if as != nil {
			command.Dir = scratch // somebody else may not get at the sources
		}
		command.Env = append(append(os.Environ(), "PGCRUCIBLE_OUT="+filepath.Join(scratch, "out"), "HOME="+scratch), env...)
		command.Stderr = &said
		command.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		err := command.Run()
		var exit *exec.ExitError
		Expect(errors.As(err, &exit)).To(BeTrue(), "it ended with %v: %s", err, said.String())
		Expect(exit.ExitCode()).To(Equal(2), said.String())
		line := strings.TrimSuffix(said.String(), "\n")
		Expect(line).To(HavePrefix("pgcrucible: "))
		Expect(line).NotTo(ContainSubstring("\n"), "more than one line")
		return line
	}

	DescribeTable("a setting", func(ctx SpecContext, name, value, expected string) {
		line := refused(ctx, nil, "PGCRUCIBLE_"+name+"="+value)
		Expect(line).To(And(ContainSubstring(name), ContainSubstring(value), ContainSubstring(expected)))
	},
		Entry("unknown scenario", "SCENARIO", "kill-everything", "kill-primary", SpecTimeout(time.Minute)),
		Entry("unknown version", "VERSION", "16", "15, 17 or 18", SpecTimeout(time.Minute)),
		Entry("unknown commit level", "COMMIT", "eventually", "async, sync or remote_apply", SpecTimeout(time.Minute)),
		Entry("seed that is no number", "SEED", "lucky", "whole number", SpecTimeout(time.Minute)),
		Entry("rate of 0", "RATE", "0", "more than 0", SpecTimeout(time.Minute)),
		Entry("no clients", "CLIENTS", "0", "1 to 64", SpecTimeout(time.Minute)),
		Entry("no repetitions", "RUNS", "0", "1 to 1000", SpecTimeout(time.Minute)),
		Entry("rows below 0", "ROWS", "-5", "0 to", SpecTimeout(time.Minute)),
		Entry("unknown procedure", "PROCEDURE", "patroni", "manual, rebuild", SpecTimeout(time.Minute)),
		Entry("a backlog that is no number", "BACKLOG", "much", "whole number", SpecTimeout(time.Minute)),
		Entry("checksums neither on nor off", "CHECKSUMS", "maybe", "on or off", SpecTimeout(time.Minute)),
		Entry("an output folder that cannot be written", "OUT", "/proc/pgcrucible", "can be written", SpecTimeout(time.Minute)),
		Entry("an image that does not exist", "IMAGE", "127.0.0.1:1/no/such:image", "does not exist", SpecTimeout(2*time.Minute)),
	)

	It("settings that do not go together", func(ctx SpecContext) {
		line := refused(ctx, nil, "PGCRUCIBLE_BACKLOG=8", "PGCRUCIBLE_COMMIT=remote_apply")
		Expect(line).To(And(ContainSubstring("BACKLOG"), ContainSubstring("remote_apply")))
		line = refused(ctx, nil, "PGCRUCIBLE_SCENARIO=rewind-refused", "PGCRUCIBLE_PROCEDURE=rebuild")
		Expect(line).To(And(ContainSubstring("rewind-refused"), ContainSubstring("makes sense by rebuild")))
	}, SpecTimeout(time.Minute))

	It("an engine that does not run", SpecTimeout(time.Minute), func(ctx SpecContext) {
		line := refused(ctx, nil, "DOCKER_HOST=unix://"+filepath.Join(scratch, "nobody.sock"))
		Expect(line).To(And(ContainSubstring("nobody.sock"), ContainSubstring("running")))
	})

	It("an engine that is not permitted", SpecTimeout(time.Minute), func(ctx SpecContext) {
		if os.Getuid() != 0 {
			Skip("only root can become somebody who may not")
		}
		socket := filepath.Join(scratch, "closed.sock")
		listener, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		Expect(os.Chmod(socket, 0o600)).To(Succeed())
		Expect(os.Mkdir(filepath.Join(scratch, "theirs"), 0o777)).To(Succeed())
		Expect(os.Chmod(filepath.Join(scratch, "theirs"), 0o777)).To(Succeed())
		line := refused(ctx, &syscall.Credential{Uid: 65534, Gid: 65534},
			"DOCKER_HOST=unix://"+socket, "PGCRUCIBLE_OUT="+filepath.Join(scratch, "theirs"))
		Expect(line).To(And(ContainSubstring("closed.sock"), ContainSubstring("permi")))
	})

	It("an image without pg_rewind", SpecTimeout(3*time.Minute), func(ctx SpecContext) {
		const poor = "pgcrucible/test-without-rewind:selftest"
		script := `docker create --entrypoint sh "$1" -c 'rm -f "$(command -v pg_rewind)" /usr/lib/postgresql/*/bin/pg_rewind /usr/local/bin/pg_rewind'`
		id := shell(ctx, script, ready.Postgres)
		DeferCleanup(func(ctx SpecContext) { shell(ctx, `docker rm -f "$1"; docker rmi -f "$2"`, id, poor) }, NodeTimeout(time.Minute))
		shell(ctx, `docker start -a "$1" && docker commit --change 'ENTRYPOINT []' "$1" "$2"`, id, poor)
		line := refused(ctx, nil, "PGCRUCIBLE_IMAGE="+poor)
		Expect(line).To(And(ContainSubstring(poor), ContainSubstring("pg_rewind")))
	})
})

// shell runs a script with arguments and returns its output without the last newline.
func shell(ctx context.Context, script string, args ...string) string {
	GinkgoHelper()
	output, err := exec.CommandContext(ctx, "sh", append([]string{"-euc", script, "sh"}, args...)...).Output()
	Expect(err).NotTo(HaveOccurred(), script)
	return strings.TrimSuffix(string(output), "\n")
}
