package procedure

import (
	"strings"
	"testing"
)

// What pg_rewind 17 printed on a real run, and what it prints when it refuses.
const rewindDone = `pg_rewind: connected to server
pg_rewind: servers diverged at WAL location 0/30001C8 on timeline 1
pg_rewind: rewinding from last common checkpoint at 0/3000080 on timeline 1
pg_rewind: reading source file list
pg_rewind: reading target file list
pg_rewind: reading WAL in target
pg_rewind: need to copy 52 MB (total source directory size is 74 MB)
    0/53342 kB (0%) copied
53342/53342 kB (100%) copied
pg_rewind: creating backup label and updating control file
pg_rewind: syncing target data directory
pg_rewind: Done!
`

const rewindRefused = `pg_rewind: connected to server
pg_rewind: servers diverged at WAL location 0/7000110 on timeline 1
pg_rewind: error: could not open file "/pg/data/pg_wal/000000010000000000000006": No such file or directory
pg_rewind: error: could not find previous WAL record at 0/7000110
`

func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name, text  string
		done, total int64
		found       bool
	}{
		{"nothing yet", "pg_rewind: connected to server\n", 0, 0, false},
		{"a whole rewind", rewindDone, 53342 * 1024, 53342 * 1024, true},
		{"carriage returns", "  10/100 kB (10%) copied\r  55/100 kB (55%) copied\r", 55 * 1024, 100 * 1024, true},
		{"base backup", "22989/22989 kB (100%), 0/1 tablespace (...pg/data/backup_label)\n22999/22999 kB (100%), 1/1 tablespace\n", 22999 * 1024, 22999 * 1024, true},
		{"no progress line", "copied 10/100 kB (10%)", 0, 0, false},
	} {
		got, found := ParseProgress(c.text)
		if found != c.found || got.Done != c.done || got.Total != c.total {
			t.Errorf("%s: %+v, %v", c.name, got, found)
		}
	}
}

func TestNeeded(t *testing.T) {
	if bytes, said := ParseNeeded(rewindDone); !said || bytes != 52<<20 {
		t.Errorf("%d, %v", bytes, said)
	}
	if _, said := ParseNeeded(rewindRefused); said {
		t.Error("said it although it did not")
	}
}

func TestRewoundFromOutput(t *testing.T) {
	from, to := ParseRewound(rewindDone)
	if from != "0/30001C8" || to != "0/3000080" {
		t.Errorf("%s, %s", from, to)
	}
	for _, c := range []struct {
		name  string
		state state
		want  Rejoined
	}{
		{"done", state{ended: true, output: rewindDone}, Rejoined{How: Rewound, Bytes: 53342 * 1024}},
		{"no need", state{ended: true, output: "pg_rewind: no rewind required\n"}, Rejoined{How: NoOp}},
		{"refused", state{ended: true, status: 1, output: rewindRefused}, Rejoined{How: Rebuilt, Reason: Refusal(rewindRefused)}},
		{"killed silently", state{ended: true, status: 137}, Rejoined{How: Rebuilt, Reason: "no word (ended by signal 9)"}},
	} {
		if got := rewound(c.state); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{
			"both errors", rewindRefused,
			`could not open file "/pg/data/pg_wal/000000010000000000000006": No such file or directory; could not find previous WAL record at 0/7000110`,
		},
		{"with detail", "pg_rewind: error: source and target clusters are from different systems\npg_rewind: detail: x\n", "source and target clusters are from different systems; x"},
		{"killed", "pg_rewind: connected to server\npg_rewind: reading WAL in target\n", "pg_rewind: reading WAL in target"},
		{"nothing", " \n", ""},
		{"a server's error is not pg_rewind's", "FATAL:  error: nonsense\n", "FATAL:  error: nonsense"},
	} {
		if got := Refusal(c.text); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func FuzzProgress(f *testing.F) {
	f.Add(rewindDone)
	f.Add(rewindRefused)
	f.Add("999999999999999/999999999999999 kB (100%) copied\r")
	f.Fuzz(func(t *testing.T, text string) {
		if got, found := ParseProgress(text); got.Done < 0 || got.Total < 0 || !found && got != (Progress{}) {
			t.Errorf("%q: %+v", text, got)
		}
		if bytes, said := ParseNeeded(text); bytes < 0 || !said && bytes != 0 {
			t.Errorf("%q: needs %d", text, bytes)
		}
		if strings.ContainsAny(Refusal(text), "\n\r") {
			t.Errorf("%q: a reason of several lines", text)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add("ended 0 0\npg_rewind: Done!\n")
	f.Add("running 0 12345\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseState(text)
		if err != nil && s != (state{}) {
			t.Errorf("%q: %+v with error %v", text, s, err)
		}
	})
}
