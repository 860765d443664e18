package rules

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// inNamespace runs a test in a network namespace of its own, with loopback up. It needs root.
func inNamespace(t *testing.T) *Table {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root for a network namespace of its own")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test's goroutine and takes the namespace along
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("network namespace: %v", err)
	}
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func drop(id string, lease time.Duration, peers ...string) wire.Rule {
	return wire.Rule{ID: id, Direction: wire.Out, Peers: peers, Action: wire.Drop, LeaseMillis: lease.Milliseconds()}
}

func states(t *testing.T, table *Table) map[string]wire.RuleState {
	t.Helper()
	list, err := table.State()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]wire.RuleState{}
	for _, state := range list {
		found[state.ID] = state
	}
	return found
}

func TestApplyRenewRemove(t *testing.T) {
	table := inNamespace(t)
	if _, err := table.Apply(t.Context(), []wire.Rule{drop("a", time.Minute, "10.0.0.1", "10.0.0.2"), drop("b", time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if _, err := table.Apply(t.Context(), []wire.Rule{drop("c", time.Minute), drop("a", time.Minute)}); err == nil {
		t.Fatal("an id in use was taken twice")
	}
	found := states(t, table)
	if len(found) != 2 || found["a"].LeftMillis < 50_000 || found["b"].LeftMillis < 50_000 {
		t.Fatalf("in force: %+v", found)
	}
	if lapsed, err := table.Renew([]string{"a"}, 2*time.Minute); err != nil || len(lapsed) != 0 {
		t.Fatalf("renew: %v, lapsed %v", err, lapsed)
	}
	if left := states(t, table)["a"].LeftMillis; left < 110_000 {
		t.Fatalf("renewed lease has %d ms left", left)
	}
	for range 2 {
		if _, err := table.Remove([]string{"a", "never"}); err != nil {
			t.Fatal(err)
		}
	}
	if found := states(t, table); len(found) != 1 || found["b"].ID != "b" {
		t.Fatalf("after remove: %+v", found)
	}
	if err := table.Clear(); err != nil {
		t.Fatal(err)
	}
	if found := states(t, table); len(found) != 0 {
		t.Fatalf("after clear: %+v", found)
	}
}

// awaitLapse waits until a rule's lease has run out.
func awaitLapse(t *testing.T, table *Table, id string) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for states(t, table)[id].LeftMillis > 0 {
		select {
		case <-deadline:
			t.Fatal("the lease did not run out")
		case <-tick.C:
		}
	}
}

func TestLeaseRunsOut(t *testing.T) {
	table := inNamespace(t)
	if _, err := table.Apply(t.Context(), []wire.Rule{drop("short", 200*time.Millisecond, "10.0.0.1")}); err != nil {
		t.Fatal(err)
	}
	awaitLapse(t, table, "short")
	lapsed, err := table.Renew([]string{"short"}, time.Minute)
	if err != nil || len(lapsed) != 1 {
		t.Fatalf("renew after the lease: %v, lapsed %v", err, lapsed)
	}
	if states(t, table)["short"].LeftMillis == 0 {
		t.Fatal("the lapsed lease was not renewed")
	}
}

func TestStateMissesARuleRemovedBehindOurBack(t *testing.T) {
	table := inNamespace(t)
	if _, err := table.Apply(t.Context(), []wire.Rule{drop("a", time.Minute)}); err != nil {
		t.Fatal(err)
	}
	table.conn.FlushChain(table.chains[wire.Out])
	if err := table.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if found := states(t, table); len(found) != 0 {
		t.Fatalf("in force: %+v", found)
	}
	if _, err := table.Remove([]string{"a"}); err != nil {
		t.Fatal("remove of what is gone:", err)
	}
}

func TestCounterCounts(t *testing.T) {
	table := inNamespace(t)
	addDummy(t)
	conn, err := net.Dial("udp4", "10.9.9.2:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := table.Apply(t.Context(), []wire.Rule{drop("a", time.Minute, "10.9.9.2"), drop("other", time.Minute, "10.9.9.3")}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := conn.Write([]byte("x")); err == nil {
			t.Error("a datagram to a cut peer was sent")
		}
	}
	found := states(t, table)
	if found["a"].Packets != 3 || found["other"].Packets != 0 {
		t.Errorf("counted %+v", found)
	}
}

func TestExemptAndCan(t *testing.T) {
	table := inNamespace(t)
	for range 2 {
		if err := table.Exempt(netip.MustParseAddr("10.9.9.9")); err != nil {
			t.Fatal(err)
		}
	}
	can := table.Can()
	if can["nftables-drop"] != "" {
		t.Errorf("can: %v", can)
	}
	if found := states(t, table); len(found) != 0 {
		t.Errorf("probing left %+v", found)
	}
}
