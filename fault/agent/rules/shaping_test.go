package rules

import (
	"net"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

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
	<-time.After(200 * time.Millisecond) // leases end with the kernel's ticks
	if got := seen(); got != 1 {
		t.Errorf("%d packets carry the mark after the lease, want 1", got)
	}
}
