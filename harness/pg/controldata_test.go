package pg

import (
	"strings"
	"testing"
)

const controlText = `pg_control version number:            1700
Catalog version number:               202406281
Database system identifier:           7712962359138187161
Database cluster state:               in production
pg_control last modified:             Fri Nov 27 21:13:33 2026
Latest checkpoint location:           0/1C1E2C0
Latest checkpoint's REDO location:    0/1C1E2C0
Latest checkpoint's REDO WAL file:    000000010000000000000001
Latest checkpoint's TimeLineID:       3
Minimum recovery ending location:     1/A0000028
`

func TestParseControlData(t *testing.T) {
	c, err := ParseControlData(controlText)
	if err != nil {
		t.Fatal(err)
	}
	if c.State != "in production" || c.System != "7712962359138187161" || c.Timeline != 3 || c.Checkpoint != 0x1C1E2C0 || c.MinRecovery != 0x1A0000028 {
		t.Errorf("%+v", c)
	}
	if got := c.Fields["pg_control last modified"]; got != "Fri Nov 27 21:13:33 2026" {
		t.Errorf("a value with colons: %q", got)
	}
}

func TestParseControlDataNamesWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ old, replacement, want string }{
		{"Database cluster state", "Zustand", `"Database cluster state"`},
		{"TimeLineID:       3", "TimeLineID:       x", "Latest checkpoint's TimeLineID"},
		{"location:           0/1C1E2C0", "location:           0-1C1E2C0", "Latest checkpoint location"},
		{"1/A0000028", "1/", "Minimum recovery ending location"},
	} {
		_, err := ParseControlData(strings.Replace(controlText, test.old, test.replacement, 1))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v; want it to name %s", err, test.want)
		}
	}
}

func FuzzParseControlData(f *testing.F) {
	f.Add(controlText)
	f.Add("a:b\r\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseControlData(text)
		if err == nil && (c.State == "" || c.System == "" || c.Fields == nil) {
			t.Errorf("no error, but %+v", c)
		}
	})
}
