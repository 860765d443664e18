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
		{Isolate(Primary()), Cut{From: Primary(), To: Clients()}, false},
		{Kill(Primary()), KillProcess(Primary(), cluster.WALSender), false},
		{Kill(Primary()), KillContainer(Primary()), false},
		{Kill(Primary()), Kill(Standby()), true},
		{Isolate(Primary()), Kill(Primary()), false},
		{&fake{}, Kill(Primary()), true},
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
