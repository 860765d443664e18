package fault

import (
	"slices"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

func TestTogether(t *testing.T) {
	cut := Cut{From: Primary(), To: Standby()}
	cases := []struct {
		a, b Fault
		want bool
	}{
		{cut, Isolate(Primary()), false},
		{Worse{From: Primary(), To: Standby(), Loss: 0.1}, Isolate(Primary()), false},
		{cut, Kill(Primary()), true},
		{cut, Kill(Standby()), true},
		{cut, cut, false},
		{cut, Cut{From: Primary(), To: Standby(), OneWay: true}, false},
		{Cut{From: Primary(), To: Standby(), OneWay: true}, Cut{From: Standby(), To: Primary(), OneWay: true}, true},
		{cut, Cut{From: Primary(), To: Clients()}, true},
		{Cut{From: Primary(), To: Standby(), OneWay: true}, Refuse{From: Standby(), To: Primary()}, false},
		{Worse{From: Primary(), To: Standby(), OneWay: true, Rate: 1000}, Refuse{From: Standby(), To: Primary()}, false},
		{Isolate(Primary()), Cut{From: Primary(), To: Clients()}, false},
		{Kill(Primary()), KillProcess(Primary(), cluster.WALSender), false},
		{Kill(Primary()), KillContainer(Primary()), false},
		{Kill(Primary()), Kill(Standby()), true},
		{Isolate(Primary()), Kill(Primary()), false},
		{&fake{}, Kill(Primary()), true},
		{Freeze{Standby(), cluster.WALReceiver}, cut, false},
		{Freeze{Standby(), cluster.WALReceiver}, Kill(Primary()), false},
		{Freeze{Standby(), cluster.Checkpointer}, cut, true},
		{Freeze{Standby(), cluster.Checkpointer}, Kill(Primary()), true},
		{Freeze{Primary(), cluster.Postmaster}, Starve{Primary(), 0.1}, false},
		{Freeze{Primary(), cluster.Checkpointer}, Starve{Primary(), 0.1}, true},
		{Freeze{Primary(), cluster.Checkpointer}, Freeze{Primary(), cluster.Archiver}, false},
		{Pause(Standby()), Starve{Primary(), 0.1}, true},
		{Pause(Standby()), Starve{Standby(), 0.1}, false},
		{Pause(Standby()), Isolate(Standby()), false},
		{Starve{Primary(), 0.1}, MemoryPressure{Primary(), 16 << 20}, true},
		{Starve{Primary(), 0.1}, Starve{Standby(), 0.1}, true},
		{OutOfMemory{Primary()}, MemoryPressure{Primary(), 16 << 20}, false},
		{OutOfMemory{Primary()}, MemoryPressure{Standby(), 16 << 20}, true},
		{Shutdown{Target: Primary(), Mode: cluster.Fast}, StopContainer{Target: Primary()}, false},
	}
	for _, c := range cases {
		if Together(c.a, c.b) != c.want || Together(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

func TestPairs(t *testing.T) {
	pairs, err := Pairs(7, 40)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Pairs(7, 40)
	if err != nil {
		t.Fatal(err)
	}
	if len(pairs) != 40 {
		t.Errorf("%d pairs", len(pairs))
	}
	var names []string
	for i, pair := range pairs {
		names = append(names, pair.String())
		if again[i].String() != pair.String() {
			t.Errorf("one seed drew %s and %s", pair, again[i])
		}
		if !Together(pair.A, pair.B) {
			t.Errorf("%s make no sense together", pair)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(pairs) {
		t.Error("a pair was drawn twice")
	}
	other, err := Pairs(8, 40)
	if err != nil || slices.EqualFunc(pairs, other, func(a, b Pair) bool { return a.String() == b.String() }) {
		t.Errorf("two seeds drew the same, %v", err)
	}
}

func TestPairsOfDifferentEntriesComeFirst(t *testing.T) {
	pairs, err := drawPairs(7)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	again := 0 // pairs of entries that were drawn before
	for _, pair := range pairs {
		if seen[pair.entries] {
			again++
		} else if again > 0 {
			t.Fatalf("%s (%s) comes after %d pairs of entries that were drawn before", pair, pair.entries, again)
		}
		seen[pair.entries] = true
	}
	if len(seen) < 100 || again == 0 {
		t.Errorf("%d pairs of entries, %d with other parameters", len(seen), again)
	}
}
