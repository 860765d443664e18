package history

import (
	"testing"
	"time"
)

func TestTheEpisodeEndsWithTheFailback(t *testing.T) {
	s := func(name string, from, to time.Duration) Span { return Span{Name: name, Start: from, End: to} }
	for _, c := range []struct {
		name  string
		spans []Span
		want  Window
		ok    bool
	}{
		{"nothing was done", []Span{s(SpanLoad, 0, 100)}, Window{}, false},
		{"never ends", []Span{s(SpanFault, 10, 20)}, Window{10, 1<<63 - 1}, true},
		{"fail-back", []Span{s(SpanFailback, 50, 60), s(SpanSwitch, 51, 59), s(SpanFailover, 12, 30), s(SpanFault, 10, 20)}, Window{10, 50}, true},
		{"a switchover stands for it", []Span{s(SpanFault, 10, 20), s(SpanFailover, 12, 30), s(SpanSwitch, 50, 59)}, Window{10, 50}, true},
		{"switchover and back", []Span{s(SpanSwitch, 10, 20), s(SpanSwitch, 50, 59)}, Window{10, 50}, true},
		{"a fault in a switchover", []Span{s(SpanFault, 5, 8), s(SpanSwitch, 10, 20)}, Window{5, 1<<63 - 1}, true},
	} {
		if got, ok := (&Run{Spans: c.spans}).Episode(); got != c.want || ok != c.ok {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, ok, c.want)
		}
	}
}

func TestWhatWrites(t *testing.T) {
	for _, c := range []struct {
		op   Op
		want bool
	}{
		{Op{Kind: Append}, true},
		{Op{Kind: Transfer}, true},
		{Op{Kind: Read}, false},
		{Op{Kind: Balances}, false},
		{Op{Kind: Write, Standby: true}, false},
		{Op{Kind: Txn, Txn: []Access{{Key: "a"}}}, false},
		{Op{Kind: Txn, Txn: []Access{{Key: "a"}, {Key: "b", Write: true}}}, true},
	} {
		if got := c.op.Writes(); got != c.want {
			t.Errorf("%+v: got %v", c.op, got)
		}
	}
}

func TestTheFinalPrimary(t *testing.T) {
	up, down, standby := NodeState{Node: "a", Up: true}, NodeState{Node: "b"}, NodeState{Node: "c", Up: true, InRecovery: true}
	for _, c := range []struct {
		final []NodeState
		err   string
	}{
		{nil, "no node was looked at when the run was over"},
		{[]NodeState{down, standby}, "none of the 2 nodes is a primary at the end"},
		{[]NodeState{up, {Node: "d", Up: true}}, "a and d are both primaries at the end"},
		{[]NodeState{standby, up}, ""},
	} {
		node, err := (&Run{Final: c.final}).FinalPrimary()
		switch {
		case c.err == "" && (err != nil || node.Node != "a"):
			t.Errorf("got %v, %v", node, err)
		case c.err != "" && (err == nil || err.Error() != c.err):
			t.Errorf("got %v, want %s", err, c.err)
		}
	}
}

func TestLongestSilence(t *testing.T) {
	ack := func(at time.Duration) Op { return Op{Kind: Append, Call: at - 1, Return: at, Outcome: OK} }
	run := &Run{Ops: []Op{ack(10), ack(300), ack(20), {Kind: Read, Call: 900, Return: 901, Outcome: OK}, {Kind: Append, Call: 310, Return: 700}}}
	if got, ok := run.LongestSilence(); !ok || got != (Window{300, 700}) {
		t.Errorf("got %v, %v: the time in which somebody still tries counts, reads do not", got, ok)
	}
	if _, ok := (&Run{}).LongestSilence(); ok {
		t.Error("an empty run is silent")
	}
}
