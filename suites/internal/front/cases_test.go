package front

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/settings"
)

func asked(t *testing.T, args ...string) settings.Settings {
	t.Helper()
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	flags := settings.Register(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	s, err := flags.Read(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func titles(cases []Case) []string {
	var all []string
	for _, c := range cases {
		all = append(all, c.String())
	}
	return all
}

func TestCasesCrossWhatMakesSense(t *testing.T) {
	cases := Cases(asked(t, "-crucible.scenario=kill-primary,rewind-refused", "-crucible.procedure=rebuild,manual", "-crucible.commit=async", "-crucible.runs=2"))
	want := []string{
		"kill-primary, manual, async, run 1", "kill-primary, manual, async, run 2", "kill-primary, rebuild, async, run 1", "kill-primary, rebuild, async, run 2",
		"rewind-refused, manual, async, run 1", "rewind-refused, manual, async, run 2",
	}
	if got := titles(cases); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestTheDrillIsPlayedByTheManualProcedure(t *testing.T) {
	cases := Cases(asked(t))
	if len(cases) < 12 {
		t.Errorf("%q", titles(cases))
	}
	for _, c := range cases {
		if c.Procedure.Name() != "manual" || c.Level == "remote_apply" {
			t.Errorf("%s", c)
		}
	}
}

func TestNothingToPlayIsSaidBeforeAnythingStarts(t *testing.T) {
	for _, c := range []struct{ flag, other, want string }{
		{"-crucible.scenario=nothing", "", "kill-primary"},
		{"-crucible.procedure=patroni", "", "one of manual, rebuild"},
		{"-crucible.scenario=rewind-refused", "-crucible.procedure=rebuild", "none of rewind-refused makes sense by rebuild at its commit levels"},
		{"-crucible.scenario=rewind-refused", "-crucible.commit=sync", "makes sense by manual at sync"},
	} {
		args := slices.DeleteFunc([]string{c.flag, c.other}, func(s string) bool { return s == "" })
		err := check(asked(t, args...))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Ginkgo plays what a loop made by the alphabet: run 10 before run 2. The pair goes with the repetition that is played last.
func TestTheLastRepetitionIsTheOnePlayedLast(t *testing.T) {
	s := asked(t, "-crucible.scenario=kill-primary", "-crucible.runs=12")
	f := &Front{Settings: s}
	cases := Cases(s)
	slices.SortFunc(cases, func(a, b Case) int { return strings.Compare(a.String(), b.String()) })
	for i, c := range cases {
		if got, want := f.last(c), i%12 == 11; got != want {
			t.Errorf("%s, the %d. of its case: last is %v", c, i%12+1, got)
		}
	}
}
