package inspect

import (
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

func TestComplaints(t *testing.T) {
	const log = `2026-11-27 20:00:00.123 UTC [12] 00000 LOG:  starting PostgreSQL 17.11
2026-11-27 20:00:01.000 UTC [13] 57P03 FATAL:  the database system is starting up
	continued
2026-11-27 20:00:02.000 UTC [14] XX001 ERROR:  invalid page in block 0 of relation base/5/16384
2026-11-27 20:00:02.500 UTC [14] 23505 ERROR:  duplicate key
2026-11-27 20:00:03.000 UTC [1] XX000 PANIC:  could not write
pg_ctl: something FATAL: that is no line of the server
`
	found, lines := complaints(log)
	want := []history.LogLine{
		{At: "2026-11-27 20:00:01.000 UTC", Level: "FATAL", State: "57P03", Text: "the database system is starting up"},
		{At: "2026-11-27 20:00:02.000 UTC", Level: "ERROR", State: "XX001", Text: "invalid page in block 0 of relation base/5/16384"},
		{At: "2026-11-27 20:00:03.000 UTC", Level: "PANIC", State: "XX000", Text: "could not write"},
	}
	if lines != 7 || len(found) != len(want) {
		t.Fatalf("%d lines, %+v", lines, found)
	}
	for i := range want {
		if found[i] != want[i] {
			t.Errorf("%+v, want %+v", found[i], want[i])
		}
	}
	if found, lines := complaints(""); found != nil || lines != 0 {
		t.Errorf("of nothing: %d lines, %+v", lines, found)
	}
}

func TestJudgeAmcheck(t *testing.T) {
	for output, want := range map[string]history.Verification{
		"status 0\n": {Ran: true, Clean: true},
		"heap table \"app.app.ledger\", block 0, offset 1:\n    xmin 9 is in the future\nstatus 2\n": {
			Ran: true, Detail: `heap table "app.app.ledger", block 0, offset 1:`,
		},
		"pg_amcheck: error: connection refused\nstatus 1\n": {Detail: "pg_amcheck: error: connection refused"},
		"pg_amcheck: warning: skipping database \"app\": amcheck is not installed\nstatus 0\n": {
			Detail: `pg_amcheck: warning: skipping database "app": amcheck is not installed`,
		},
		"sh: pg_amcheck: not found\nstatus 127\n": {Detail: "sh: pg_amcheck: not found"},
		"": {},
	} {
		if got := *judgeAmcheck(output); got != want {
			t.Errorf("%q: %+v, want %+v", output, got, want)
		}
	}
}

func TestJudgeChecksums(t *testing.T) {
	for output, want := range map[string]history.Verification{
		"Checksum operation completed\nFiles scanned:   944\nBlocks scanned:  2845\nBad checksums:  0\nData checksum version: 1\nstatus 0\n": {
			Ran: true, Clean: true, Detail: "2845 blocks",
		},
		"pg_checksums: error: checksum verification failed in file \"base/5/2619\", block 3\nBlocks scanned:  2845\nBad checksums:  1\nstatus 1\n": {
			Ran: true, Detail: `1 bad blocks; pg_checksums: error: checksum verification failed in file "base/5/2619", block 3`,
		},
		"pg_checksums: error: cluster must be shut down\nstatus 1\n":               {Detail: "pg_checksums: error: cluster must be shut down"},
		"Blocks scanned:  0\nBad checksums:  0\nstatus 0\n":                        {Detail: "Blocks scanned:  0"},
		"pg_checksums: error: data checksums are not enabled in cluster\nstatus 1": {Detail: "pg_checksums: error: data checksums are not enabled in cluster"},
	} {
		if got := *judgeChecksums(output); got != want {
			t.Errorf("%q: %+v, want %+v", output, got, want)
		}
	}
}

func TestWithoutPassword(t *testing.T) {
	for conninfo, want := range map[string]string{
		"host=10.0.0.2 user=replica password=secret port=5432":          "host=10.0.0.2 user=replica port=5432",
		`host=a password='a\'b c' sslpassword = x application_name=pg2`: "host=a application_name=pg2",
		"host=a passfile=/pg/pgpass":                                    "host=a passfile=/pg/pgpass",
		"":                                                              "",
	} {
		if got := withoutPassword(conninfo); got != want {
			t.Errorf("%q: %q, want %q", conninfo, got, want)
		}
	}
}

func TestDigest(t *testing.T) {
	a, b := digest([]string{"x", "y"}), digest([]string{"y", "x"})
	if a != b || a == digest([]string{"x"}) || digest([]string{"ab", "c"}) == digest([]string{"a", "bc"}) {
		t.Error("a digest must depend on the lines and not on their order")
	}
}
