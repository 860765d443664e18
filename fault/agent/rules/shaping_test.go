package rules

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/netem"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// TestPacketsForAnEmulatorAreMarked has another rule count what carries the mark: the peer's packets, while the lease lasts.
func TestPacketsForAnEmulatorAreMarked(t *testing.T) {
	table := inNamespace(t)
	addDummy(t)
	rule := wire.Rule{ID: "worse", Direction: wire.Out, Peers: []string{"10.9.9.2"}, Action: wire.Shape, Shaping: &wire.Shaping{Loss: 1}, LeaseMillis: 60_000}
	e := newEntry(table.table, rule)
	e.band = 5
	table.rules[rule.ID] = e
	if err := table.install(e); err != nil {
		t.Fatal(err)
	}
	table.conn.AddRule(&nftables.Rule{Table: table.table, Chain: table.chains[wire.Out], UserData: []byte("witness"), Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(netem.Mark(5))},
		&expr.Counter{},
	}})
	if err := table.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	seen := func() uint64 {
		t.Helper()
		for _, to := range []string{"10.9.9.2:9", "10.9.9.3:9"} {
			conn, err := net.Dial("udp4", to)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
		}
		present, err := table.kernelRules()
		if err != nil {
			t.Fatal(err)
		}
		packets, _ := counted(present["witness"][0])
		return packets
	}
	if got := seen(); got != 1 {
		t.Errorf("%d packets carry the mark, want 1", got)
	}
	table.conn.FlushSet(e.set)
	if err := table.conn.SetAddElements(e.set, e.elements(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := table.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	awaitLapse(t, table, "worse")
	if got := seen(); got != 1 {
		t.Errorf("%d packets carry the mark after the lease, want 1", got)
	}
}

// The two peers of the test below.
var hit, spared = netip.MustParseAddr("10.9.9.2"), netip.MustParseAddr("10.9.9.3")

// TestWhatShapingDoes sends to a peer whose link is worse and to one whose link is not, by netem where this kernel has it, else by a queue.
func TestWhatShapingDoes(t *testing.T) {
	table := inNamespace(t)
	tun := addDummy(t)
	can := table.Can()
	if can["netem"] != "" && can["nfqueue"] != "" {
		t.Skip(can)
	}
	t.Logf("netem: %q", can["netem"])
	apply := func(s wire.Shaping, lease time.Duration) {
		t.Helper()
		rule := wire.Rule{ID: "worse", Direction: wire.Out, Peers: []string{hit.String()}, Action: wire.Shape, Shaping: &s, LeaseMillis: lease.Milliseconds()}
		if _, err := table.Apply(t.Context(), []wire.Rule{rule}); err != nil {
			t.Fatal(err)
		}
	}
	remove := func() {
		t.Helper()
		if _, err := table.Remove([]string{"worse"}); err != nil {
			t.Fatal(err)
		}
	}
	const count = 20
	came := func(what string, wantHit int, least time.Duration) {
		t.Helper()
		got, after := sendAndRead(t, tun, count)
		if got[hit] != wantHit || got[spared] != count || (wantHit > 0 && after < least) {
			t.Errorf("%s: of %d each, %d to the peer, the first after %s, and %d to the other", what, count, got[hit], after, got[spared])
		}
	}
	came("before", count, 0)
	apply(wire.Shaping{Loss: 1}, time.Minute)
	came("all lost", 0, 0)
	if state := states(t, table)["worse"]; state.Packets != count {
		t.Errorf("counted %+v", state)
	}
	remove()
	came("taken away", count, 0)
	apply(wire.Shaping{DelayMicros: 300_000}, time.Minute)
	came("delayed", count, 300*time.Millisecond)
	remove()
	apply(wire.Shaping{Loss: 1}, 100*time.Millisecond)
	awaitLapse(t, table, "worse")
	came("lease over", count, 0)
	remove()
	apply(wire.Shaping{Loss: 1}, time.Minute)
	if err := table.Clear(); err != nil {
		t.Fatal(err)
	}
	came("all cleared", count, 0)
}

// sendAndRead sends datagrams to both peers and reads what leaves the device, until nothing has for half a second: how many to whom, and after
// which time the first to the one that is hit.
func sendAndRead(t *testing.T, tun, count int) (came map[netip.Addr]int, first time.Duration) {
	t.Helper()
	began := time.Now()
	for _, to := range []netip.Addr{hit, spared} {
		conn, err := net.Dial("udp4", netip.AddrPortFrom(to, 9).String())
		if err != nil {
			t.Fatal(err)
		}
		for range count {
			if _, err := conn.Write([]byte("x")); err != nil && to == spared {
				t.Fatal(err)
			}
		}
		_ = conn.Close()
	}
	came = map[netip.Addr]int{}
	packet := make([]byte, 2048)
	for {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(tun), Events: unix.POLLIN}}, 500)
		if err == unix.EINTR {
			continue
		}
		if err != nil || ready == 0 {
			return came, first
		}
		n, err := unix.Read(tun, packet)
		if err != nil || n < 20 || packet[0]>>4 != 4 {
			continue // not IPv4
		}
		to := netip.AddrFrom4([4]byte(packet[16:20]))
		if came[to]++; to == hit && came[to] == 1 {
			first = time.Since(began)
		}
	}
}
