package cluster

import (
	"slices"
	"strings"
	"testing"
)

func TestProcessKinds(t *testing.T) {
	for title, want := range map[string]Process{
		"/usr/lib/postgresql/17/bin/postgres-D/pg/data": Postmaster, // the NULs between arguments are gone
		"postgres --single -F template1":                "",
		"":                                              "",
		"postgres: pg1: checkpointer":                   Checkpointer,
		"postgres: checkpointer performing restartpoint":                     Checkpointer,
		"postgres: pg1: background writer":                                   "",
		"postgres: pg1: walwriter":                                           WALWriter,
		"postgres: pg1: autovacuum launcher":                                 "",
		"postgres: pg1: logical replication launcher":                        "",
		"postgres: pg1: archiver last was 000000010000000000000003":          Archiver,
		"postgres: pg1: walsender replica 198.18.0.3(41234) streaming 0/300": WALSender,
		"postgres: pg2: walreceiver streaming 0/3000148":                     WALReceiver,
		"postgres: pg2: startup recovering 000000010000000000000003":         Startup,
		"postgres: pg1: app app 198.18.0.1(53210) INSERT waiting for 0/42":   Backend,
		"postgres: crucible_admin app 198.18.0.1(53210) idle":                Backend,
		"postgres: pg1: postgres postgres [local] SELECT":                    Backend,
		"postgres: pg1: io worker 0":                                         "",
		"postgres: pg1: walsummarizer":                                       "",
	} {
		if got := (process{pid: 1, title: title}).kind(); got != want {
			t.Errorf("%q is %q; want %q", title, got, want)
		}
	}
	if !(process{pid: 1, title: "postgres: pg1: background writer "}).is("background writer") {
		t.Error("a helper cannot be named by its title")
	}
	if (process{pid: 1, title: "postgres: pg1: app app 198.18.0.1(53210) idle"}).is("background writer") {
		t.Error("a backend was taken for the background writer")
	}
}

func TestParseProcesses(t *testing.T) {
	found, err := parseProcesses("22 1 /usr/bin/postgres -D /pg/data\n51 22 postgres: pg1: checkpointer \n60 22 \n115 22 /usr/bin/postgres -D /pg/data\n")
	want := []process{
		{pid: 22, title: "/usr/bin/postgres -D /pg/data"},
		{pid: 51, title: "postgres: pg1: checkpointer", child: true},
		{pid: 60, child: true},
		{pid: 115, title: "/usr/bin/postgres -D /pg/data", child: true},
	}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("%v, %v", found, err)
	}
	if found[0].kind() != Postmaster || found[3].kind() != "" {
		t.Error("a child that was just forked has the postmaster's title and is not the postmaster")
	}
	for _, line := range []string{"self 1 x\n", "1 self x\n", "1\n"} {
		if _, err := parseProcesses(line); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(line)) {
			t.Errorf("%v; want it to name the line", err)
		}
	}
	if describe(nil) != nil || !strings.Contains(describe(found).Error(), "checkpointer") {
		t.Error("describe must name what is there, and be nil for nothing")
	}
}
