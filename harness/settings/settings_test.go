package settings

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

func read(t *testing.T, env map[string]string, args ...string) (Settings, error) {
	t.Helper()
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	flags := Register(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags.Read(func(name string) string { return env[name] })
}

func TestDefaults(t *testing.T) {
	s, err := read(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "17" || s.Runs != 1 || s.Rate != 400 || s.Clients != 8 || s.Out != "out" || s.Keep || len(s.Given()) != 0 {
		t.Errorf("defaults: %+v", s)
	}
}

func TestFlagWinsOverEnvironment(t *testing.T) {
	s, err := read(t, map[string]string{"PGCRUCIBLE_VERSION": "15", "PGCRUCIBLE_SEED": "7"}, "-crucible.version=18")
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "18" || s.Seed != 7 {
		t.Errorf("version %s, seed %d", s.Version, s.Seed)
	}
}

func TestBadValuesAreNamed(t *testing.T) {
	for name, value := range map[string]string{
		"VERSION": "16", "COMMIT": "maybe", "RUNS": "0", "SEED": "soon", "RATE": "0", "CLIENTS": "many",
		"ROWS": "-1", "MIN_BEFORE": "0", "KEEP": "perhaps", "IMAGE": "two words", "SCENARIO": ",",
		"PROCEDURE": ",", "BACKLOG": "some", "CHECKSUMS": "perhaps",
	} {
		_, err := read(t, map[string]string{"PGCRUCIBLE_" + name: value})
		var invalid *Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s=%s: %v", name, value, err)
			continue
		}
		line := err.Error()
		for _, part := range []string{name, value, "PGCRUCIBLE_" + name, invalid.Expected} {
			if !strings.Contains(line, part) {
				t.Errorf("%s: %q does not say %q", name, line, part)
			}
		}
		if strings.Contains(line, "\n") {
			t.Errorf("%s: more than a line: %q", name, line)
		}
	}
	for _, rate := range []string{"NaN", "-1", "+Inf", "1e9"} {
		if _, err := read(t, nil, "-crucible.rate="+rate); err == nil {
			t.Errorf("rate %s was taken", rate)
		}
	}
}

func TestReplayNamesWhatWasGiven(t *testing.T) {
	s, err := read(t, nil, "-crucible.seed=9", "-crucible.rate=50", "-crucible.image=a;b")
	if err != nil {
		t.Fatal(err)
	}
	got := s.Replay("kill-primary", "manual", cluster.Sync, 1)
	want := "make drill SCENARIO=kill-primary COMMIT=sync SEED=9 IMAGE='a;b' RATE=50"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s, err = read(t, nil, "-crucible.procedure=manual,rebuild", "-crucible.backlog=64", "-crucible.checksums=off")
	if err != nil {
		t.Fatal(err)
	}
	got = s.Replay("kill-primary", "rebuild", cluster.Sync, 2)
	want = "make drill SCENARIO=kill-primary COMMIT=sync SEED=1 PROCEDURE=rebuild RUNS=2 BACKLOG=64 CHECKSUMS=off"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestUnknownScenario(t *testing.T) {
	s, err := read(t, nil, "-crucible.scenario=kill-primary,nothing")
	if err != nil {
		t.Fatal(err)
	}
	err = s.CheckNames([]string{"kill-primary", "cut-sync"}, []string{"manual"})
	if err == nil || !strings.Contains(err.Error(), "nothing") || !strings.Contains(err.Error(), "cut-sync") || !strings.Contains(err.Error(), "-crucible.scenario") {
		t.Errorf("got %v", err)
	}
	if s, err = read(t, map[string]string{"PGCRUCIBLE_PROCEDURE": "patroni"}); err != nil {
		t.Fatal(err)
	}
	err = s.CheckNames(nil, []string{"manual", "rebuild"})
	if err == nil || !strings.Contains(err.Error(), "patroni") || !strings.Contains(err.Error(), "rebuild") || !strings.Contains(err.Error(), "PGCRUCIBLE_PROCEDURE") {
		t.Errorf("got %v", err)
	}
}

func TestBacklogNeedsAStandbyThatNobodyWaitsFor(t *testing.T) {
	_, err := read(t, nil, "-crucible.backlog=8", "-crucible.commit=sync,remote_apply")
	var invalid *Invalid
	if !errors.As(err, &invalid) || invalid.Name != "BACKLOG" || !strings.Contains(err.Error(), "remote_apply") {
		t.Errorf("got %v", err)
	}
	if _, err := read(t, nil, "-crucible.backlog=8", "-crucible.commit=sync,async"); err != nil {
		t.Error(err)
	}
}

func TestOutMustBeWritable(t *testing.T) {
	s := Settings{Out: "/proc/nowhere"}
	if err := s.PrepareOut(); err == nil || !strings.Contains(err.Error(), "/proc/nowhere") {
		t.Errorf("got %v", err)
	}
	s.Out = t.TempDir() + "/a/b"
	if err := s.PrepareOut(); err != nil {
		t.Error(err)
	}
}

func TestReadmeHasEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range Definitions() {
		given := "unset"
		if d.Default != "" {
			given = "`" + d.Default + "`"
		}
		row := "| `" + d.Name + "` | " + given + " | " + d.Expected + " | " + d.Meaning + " |"
		if !strings.Contains(string(readme), row) {
			t.Errorf("README.md has no row\n%s", row)
		}
	}
}
