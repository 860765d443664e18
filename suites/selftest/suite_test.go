// Package selftest proves that the harness can be trusted: that faults bite, that checkers can fail, that an outage is measured right,
// that nothing is left behind. One file a subject.
package selftest

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
	"github.com/pgcrucible/pgcrucible/harness/settings"
)

const (
	// prepareWithin holds the first build of an image.
	prepareWithin = 20 * time.Minute
	// specTimeout is for specs that build one pair and break it once.
	specTimeout = 2 * time.Minute
	// closeWithin is for taking down what is left.
	closeWithin = time.Minute
)

// Set before the first spec.
var (
	flags  = settings.Register(flag.CommandLine)
	given  settings.Settings
	ready  image.Ready
	labels map[string]string
	ours   *session.Session
)

func TestSelftest(t *testing.T) {
	RegisterFailHandler(Fail)
	// Gomega prints an error with all its fields; a failed connection's has the password among them.
	format.RegisterCustomFormatter(func(value any) (string, bool) {
		err, isError := value.(error)
		if !isError {
			return "", false
		}
		return err.Error(), true
	})
	tclog.SetDefault(tclog.NewNoopLogger()) // its banner, once for each client, is nobody's step
	RunSpecs(t, "Selftest")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	given, err = flags.Read(os.Getenv)
	Expect(err).NotTo(HaveOccurred())
	log := func(line string) { GinkgoWriter.Println(line) }
	ready, err = image.Prepare(ctx, image.Want{Version: given.Version, Image: given.Image}, log)
	Expect(err).NotTo(HaveOccurred())
	ours, err = session.Open(ctx, ready.Sandbox)
	Expect(err).NotTo(HaveOccurred())
	labels = ours.Labels()
	GinkgoWriter.Printf("PostgreSQL %s, %s (%s), session %s\n", ready.Version, ready.Postgres, ready.Source, ours.ID())
}, NodeTimeout(prepareWithin))

var _ = AfterSuite(func(ctx SpecContext) {
	if ours == nil {
		return
	}
	Expect(ours.Close(ctx)).To(Succeed())
	Expect(ours.Left()).To(BeEmpty(), "every spec takes down what it built")
}, NodeTimeout(closeWithin))

// startPair builds a cluster for one spec, with a recorder whose folder is the spec's own; both go when the spec ends.
func startPair(ctx context.Context, topology cluster.Topology) (*cluster.Cluster, *history.Recorder) {
	GinkgoHelper()
	return startPairIn(ctx, topology, filepath.Join(GinkgoT().TempDir(), "run"))
}

// startPairIn is startPair with a folder for the record, which stays. Where nodes cannot have the disks that it asks for, the spec is skipped.
func startPairIn(ctx context.Context, topology cluster.Topology, dir string) (*cluster.Cluster, *history.Recorder) {
	GinkgoHelper()
	pair, recorder, err := tryPair(ctx, topology, dir)
	if errors.Is(err, cluster.ErrDisk) {
		Skip(err.Error())
	}
	Expect(err).NotTo(HaveOccurred())
	return pair, recorder
}

// tryPair is startPairIn for who has something else to try.
func tryPair(ctx context.Context, topology cluster.Topology, dir string) (*cluster.Cluster, *history.Recorder, error) {
	GinkgoHelper()
	recorder, err := history.Create(dir)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(recorder.Close)
	began := time.Now()
	pair, err := cluster.Start(ctx, cluster.Config{
		Topology: topology, Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: labels, Recorder: recorder,
		Log: func(line string) { GinkgoWriter.Printf("%6.2fs %s\n", time.Since(began).Seconds(), line) },
	})
	if err == nil {
		DeferCleanup(pair.Close, NodeTimeout(closeWithin))
	}
	return pair, recorder, err
}
