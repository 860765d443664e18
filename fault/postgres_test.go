package fault

import (
	"slices"
	"strings"
	"testing"
)

func TestLackingSegments(t *testing.T) {
	const one, two, three = "000000010000000000000001", "000000010000000000000002", "000000010000000000000003"
	const other = "000000020000000000000002"
	cases := []struct {
		needed         string
		archived, kept []string
		want           []string
	}{
		{two, []string{one, two, three}, []string{three}, []string{two}},
		{one, []string{one, two, three}, nil, []string{one, two, three}},
		{two, []string{two, other}, nil, []string{two}},
		{three, []string{one, two}, []string{three}, nil},
		{one, []string{one}, []string{one}, nil},
	}
	for _, c := range cases {
		if got := lacking(c.needed, c.archived, c.kept); !slices.Equal(got, c.want) {
			t.Errorf("from %s, archived %v, kept %v: %v, want %v", c.needed, c.archived, c.kept, got, c.want)
		}
	}
}

// A table's name comes from whoever writes the story, and ends up in SQL that takes no parameters.
func TestTablesAreQuoted(t *testing.T) {
	for given, want := range map[string]string{
		"": `"app"."ledger"`, "app.x": `"app"."x"`, `app.x"; drop table y; --`: `"app"."x""; drop table y; --"`,
	} {
		if got := (HoldLocks{Table: given}).table().Sanitize(); got != want {
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}

// What a command that hangs does is the same in the text that PostgreSQL shows again: no word of it may be one that PostgreSQL replaces.
func TestStuckCommandsHaveNoPercent(t *testing.T) {
	for _, hang := range []bool{false, true} {
		if text := (stuckCommand{file: "/pg/x", hang: hang}).text(); strings.Contains(text, "%") || strings.Contains(text, "'") {
			t.Error(text)
		}
	}
}

// The undoing of a setting is the same words whether this process or make heal says them.
func TestSettingArguments(t *testing.T) {
	s := &setting{name: "archive_command", stood: true, value: `cp %p 'x\y'`}
	if got := s.arguments(s.stood, s.value, ""); !slices.Equal(got, []string{"archive_command", "yes", `cp %p 'x\y'`, `archive_command = 'cp %p ''x\\y'''`, ""}) {
		t.Errorf("arguments %q", got)
	}
	if got := s.arguments(false, "", "standby.signal"); got[1] != "no" || got[4] != "standby.signal" {
		t.Errorf("arguments %q", got)
	}
}

func TestPostgresFaultsTogether(t *testing.T) {
	cut := Cut{From: Primary(), To: Standby()}
	cases := []struct {
		a, b Fault
		want bool
	}{
		{PauseReplay{Standby()}, cut, false},
		{PauseReplay{Standby()}, ArchiveFails(Primary()), false},
		{ArchiveFails(Primary()), ArchiveHangs(Primary()), false},
		{ArchiveFails(Primary()), Kill(Primary()), false},
		{ArchiveFails(Primary()), Kill(Standby()), true},
		{DropSlot{Standby()}, ArchiveHangs(Primary()), false},
		{DropSlot{Standby()}, Kill(Standby()), false},
		{FewerConnections{Standby()}, cut, true},
		{FewerConnections{Standby()}, Kill(Standby()), false},
		{FewerConnections{Standby()}, PauseReplay{Standby()}, false},
		{ExhaustConnections{Primary()}, LongTransaction{Primary()}, false},
		{ExhaustConnections{Standby()}, LongTransaction{Primary()}, true},
		{HoldLocks{Target: Primary()}, LongTransaction{Primary()}, true},
		{CancelWait(Primary()), KillContainer(Standby()), false},
	}
	for _, c := range cases {
		if Together(c.a, c.b) != c.want || Together(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

func TestEveryPostgresFaultIsInTheCatalogue(t *testing.T) {
	for _, entry := range postgresEntries() {
		f, err := entry.Example()
		if err != nil {
			t.Errorf("%s: %v", entry.Name, err)
			continue
		}
		if !strings.HasPrefix(f.String(), entry.Name+"(") {
			t.Errorf("%s makes %s", entry.Name, f)
		}
	}
}
