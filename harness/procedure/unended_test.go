package procedure

import (
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

func TestFoldersWhoseRecoveryHasNotEnded(t *testing.T) {
	cases := []struct {
		name    string
		on      string
		reached pg.LSN
		want    How
	}{
		{"on the primary's timeline", "15", 0x14000000, NoOp},
		{"just as far as the primary", "15", 0x15000000, NoOp},
		{"further than the primary", "15", 0x15000028, Rebuilt},
		{"on the timeline before", "14", 0x14000000, Rebuilt},
		{"nobody knows", "", 0, Rebuilt},
	}
	for _, c := range cases {
		control := pg.ControlData{MinRecovery: c.reached, Fields: map[string]string{"Min recovery ending loc's timeline": c.on}}
		back := goesOn(control, 15, 0x15000000)
		if back.How != c.want || (back.Reason == "") != (c.want == NoOp) {
			t.Errorf("%s: %+v, want %s", c.name, back, c.want)
		}
	}
}
