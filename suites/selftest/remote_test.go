package selftest

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
)

var _ = Describe("A session with an engine that is reached by TCP", Label("session"), func() {
	It("is guarded, and cleaned up after when the connection is lost", func(ctx SpecContext) {
		host, _ := image.Host()
		socket, local := strings.CutPrefix(host, "unix://")
		if !local {
			Skip("the engine is not on a socket that could be put behind a port")
		}
		direct, err := image.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(direct.Close)

		front := listenFor(ctx, socket)
		GinkgoT().Setenv("DOCKER_HOST", "tcp://"+front.listener.Addr().String())
		one, err := session.Open(ctx, ready.Sandbox)
		Expect(err).NotTo(HaveOccurred())
		Expect(one.Guarded()).To(Succeed())
		leaveVolume(ctx, direct, one, nil)
		Expect(thingsOf(ctx, direct, one.ID())).To(HaveLen(2), "its volume and its reaper")

		front.lose()
		eventuallyEmpty(ctx, direct, one.ID())
		Expect(one.Guarded()).NotTo(Succeed(), "the session knows that its reaper is gone")
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		Expect(one.Close(brief)).NotTo(Succeed(), "nobody can close it: the engine cannot be reached")
	}, SpecTimeout(specTimeout))
})

// forwarder puts a socket behind a loopback port.
type forwarder struct {
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
}

func listenFor(ctx context.Context, socket string) *forwarder {
	GinkgoHelper()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	f := &forwarder{listener: listener}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go f.forward(ctx, near, socket)
		}
	}()
	DeferCleanup(f.lose)
	return f
}

func (f *forwarder) forward(ctx context.Context, near net.Conn, socket string) {
	far, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		_ = near.Close() // whoever dialled sees that
		return
	}
	f.mu.Lock()
	f.open = append(f.open, near, far)
	f.mu.Unlock()
	go func() {
		_, _ = io.Copy(far, near) // either end may go at any time
		_ = far.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(near, far)
	_ = near.(*net.TCPConn).CloseWrite()
}

// lose is the network going away.
func (f *forwarder) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.listener.Close() // it may be closed already
	for _, conn := range f.open {
		_ = conn.Close()
	}
}
