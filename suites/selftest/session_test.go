package selftest

import (
	"context"
	"time"

	"github.com/moby/moby/client"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
	"github.com/pgcrucible/pgcrucible/harness/session/sweep"
)

var _ = Describe("A session", Label("session"), func() {
	var docker *client.Client
	BeforeEach(func(ctx SpecContext) {
		var err error
		docker, err = image.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(docker.Close)
	}, NodeTimeout(specTimeout))

	It("is guarded by a reaper that it can be seen by", func(ctx SpecContext) {
		Expect(ours.Guarded()).To(Succeed())
		Expect(thingsOf(ctx, docker, ours.ID())).To(ContainElement(HavePrefix("container pgcrucible-reaper-")))
	}, SpecTimeout(specTimeout))

	It("removes what is left when it is closed, says what, and touches no other session's", func(ctx SpecContext) {
		one, other := open(ctx), open(ctx)
		leaveVolume(ctx, docker, one, nil)
		leaveVolume(ctx, docker, other, nil)
		Expect(one.Close(ctx)).To(Succeed())
		Expect(one.Left()).To(ConsistOf(HavePrefix("volume ")))
		eventuallyEmpty(ctx, docker, one.ID())
		Expect(thingsOf(ctx, docker, other.ID())).To(HaveLen(2), "its volume and its reaper")
	}, SpecTimeout(specTimeout))

	It("spares what it was told to keep until it is swept, and a sweep spares the living", func(ctx SpecContext) {
		one, alive := open(ctx), open(ctx)
		leaveVolume(ctx, docker, one, map[string]string{"io.pgcrucible.run": "kept"})
		leaveVolume(ctx, docker, one, map[string]string{"io.pgcrucible.run": "lost"})
		leaveVolume(ctx, docker, alive, nil)
		Expect(one.Keep(ctx, "io.pgcrucible.run", "kept")).To(Succeed())
		Expect(one.Close(ctx)).To(Succeed())
		Eventually(thingsOf).WithContext(ctx).WithArguments(docker, one.ID()).WithTimeout(closeWithin).WithPolling(100*time.Millisecond).
			Should(ConsistOf(HavePrefix("volume ")), "the reaper is gone and the kept volume is not")
		Expect(session.Sweep(ctx, session.SessionLabel+"="+one.ID())).To(ConsistOf(HavePrefix("volume ")))
		Expect(thingsOf(ctx, docker, one.ID())).To(BeEmpty())
		Expect(session.Sweep(ctx, session.SessionLabel+"="+alive.ID())).To(BeEmpty())
		Expect(thingsOf(ctx, docker, alive.ID())).To(HaveLen(2))
	}, SpecTimeout(specTimeout))
})

func open(ctx context.Context) *session.Session {
	GinkgoHelper()
	one, err := session.Open(ctx, ready.Sandbox)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(one.Close, NodeTimeout(closeWithin))
	return one
}

// leaveVolume makes a volume of a session, with further labels.
func leaveVolume(ctx context.Context, docker *client.Client, of *session.Session, more map[string]string) {
	GinkgoHelper()
	marks := of.Labels()
	for key, value := range more {
		marks[key] = value
	}
	_, err := docker.VolumeCreate(ctx, client.VolumeCreateOptions{Labels: marks})
	Expect(err).NotTo(HaveOccurred())
}

// thingsOf is what a session has on the engine, its reaper included.
func thingsOf(ctx context.Context, docker *client.Client, id string) ([]string, error) {
	things, err := sweep.Dial(docker.Dialer()).List(ctx, session.SessionLabel+"="+id)
	var names []string
	for _, thing := range things {
		names = append(names, thing.String())
	}
	return names, err
}

func eventuallyEmpty(ctx context.Context, docker *client.Client, id string) {
	GinkgoHelper()
	Eventually(thingsOf).WithContext(ctx).WithArguments(docker, id).WithTimeout(30 * time.Second).WithPolling(100 * time.Millisecond).Should(BeEmpty())
}
