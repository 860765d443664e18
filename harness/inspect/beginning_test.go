package inspect

import (
	"slices"
	"testing"
)

func TestDifferencesOfBeginnings(t *testing.T) {
	first := func() Beginning {
		return Beginning{System: "1", Nodes: map[string]map[string]string{
			"pg1": {"rows of app.ballast": "3:4:5", "setting work_mem": "4096 from default"}, "pg2": {"timeline": "1"},
		}}
	}
	for name, c := range map[string]struct {
		spoil func(b *Beginning)
		want  []string
	}{
		"equal":          {func(*Beginning) {}, nil},
		"same system":    {func(b *Beginning) { b.System = "1" }, []string{"the system identifier is the same"}},
		"something more": {func(b *Beginning) { b.Nodes["pg1"]["slot left"] = "active false" }, []string{`pg1: slot left: "active false" should not be there`}},
		"something less": {func(b *Beginning) { delete(b.Nodes["pg1"], "rows of app.ballast") }, []string{"pg1: rows of app.ballast is missing"}},
		"a node less":    {func(b *Beginning) { delete(b.Nodes, "pg2") }, []string{"pg2: timeline is missing"}},
		"changed": {func(b *Beginning) {
			b.Nodes["pg1"]["setting work_mem"] = "3072 from configuration file"
			b.Nodes["pg2"]["timeline"] = "3"
		}, []string{`pg1: setting work_mem: "3072 from configuration file", should be "4096 from default"`, `pg2: timeline: "3", should be "1"`}},
		"nothing read": {func(b *Beginning) { b.Nodes = nil }, []string{"pg1: rows of app.ballast is missing", "pg1: setting work_mem is missing", "pg2: timeline is missing"}},
	} {
		now := first()
		now.System = "2"
		c.spoil(&now)
		if got := now.Differences(first()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if n := first().Count(); n != 3 {
		t.Errorf("speaks of %d things", n)
	}
}
