package fault

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParsePlan(t *testing.T) {
	text := "# by hand\nat 1.25s for 2s cut from=primary oneway=true\n\n  on rewind-50 kill target=pg_2 # there\nat 0s kill-process process=walsender"
	plan, err := ParsePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	want := "at 1.25s for 2s cut from=primary oneway=true\non rewind-50 kill target=pg_2\nat 0s kill-process process=walsender"
	if plan.String() != want {
		t.Errorf("plan:\n%s\nwant:\n%s", plan, want)
	}
	if plan.Length() != 3250*time.Millisecond {
		t.Errorf("length %s", plan.Length())
	}
	parts, err := plan.faults()
	if err != nil {
		t.Fatal(err)
	}
	words := "parallel(cut(primary -> standby) for 2s after 1.25s and kill(pg_2) at rewind-50 and kill(walsender of primary) after 0s)"
	if parts.String() != words {
		t.Errorf("parts %s\nwant  %s", parts, words)
	}
}

func TestPlansThatAreRefused(t *testing.T) {
	cases := []struct {
		text         string
		line, column int
		want         string
	}{
		{"", 1, 1, "no step"},
		{"# nothing\n", 1, 1, "no step"},
		{"at 1s kill\nat 1s cutt", 2, 7, `unknown fault "cutt"`},
		{"at 1s cut from=primray", 1, 16, `unknown role "primray"`},
		{"at 1s kill target=pg-1", 1, 19, `unknown role "pg-1"`},
		{"at 1s kill target=clients", 1, 19, `unknown role "clients"`},
		{"on lunch kill", 1, 4, `unknown point "lunch"`},
		{"when 1s kill", 1, 1, "want at or on"},
		{"at soon kill", 1, 4, "is no time"},
		{"at -1s kill", 1, 4, "is no time"},
		{"at 1s for 0s kill", 1, 11, "above 0"},
		{"at 1s for 2s", 1, 13, "a fault"},
		{"at 1s", 1, 6, "a fault"},
		{"at 1s cut fro=primary", 1, 11, "no parameter"},
		{"at 1s cut primary", 1, 11, "name=value"},
		{"at 1s cut oneway=perhaps", 1, 18, "none of true, false"},
		{"at 1s cut to=pg2 to=pg2", 1, 18, "given twice"},
		{"at 1s kill-process", 1, 7, "wants process="},
		{"at 1s kill-process process=walrus", 1, 28, "none of"},
	}
	for _, c := range cases {
		_, err := ParsePlan(c.text)
		var refused *PlanError
		if !errors.As(err, &refused) || refused.Line != c.line || refused.Column != c.column || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %d:%d %s", c.text, err, c.line, c.column, c.want)
		}
	}
}

func TestDrawnPlansReplay(t *testing.T) {
	drawing := Drawing{Steps: 6, Length: 10 * time.Second, Longest: 2 * time.Second}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		drawing.Apart = seed%2 == 1
		plan, err := Draw(seed, drawing)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Draw(seed, drawing)
		if err != nil || again.String() != plan.String() {
			t.Fatalf("seed %d drew two plans", seed)
		}
		read, err := ParsePlan(plan.String())
		if err != nil || read.String() != plan.String() {
			t.Fatalf("seed %d: the text of the plan reads as something else: %v\n%s", seed, err, plan)
		}
		if drawing.Apart {
			checkApart(t, plan)
		}
		if plan.Length() > drawing.Length+drawing.Longest {
			t.Errorf("seed %d: a plan of %s", seed, plan.Length())
		}
		seen[plan.String()] = true
	}
	if len(seen) < 190 {
		t.Errorf("200 seeds drew only %d plans", len(seen))
	}
	if _, err := Draw(1, Drawing{Faults: []string{"lunch"}, Steps: 1, Length: 1e9, Longest: 1e9}); err == nil {
		t.Error("an unknown fault was drawn")
	}
}

func checkApart(t *testing.T, plan Plan) {
	t.Helper()
	var over time.Duration
	for _, step := range plan.Steps {
		if step.At < over {
			t.Errorf("a step begins before the one before it is over:\n%s", plan)
		}
		over = step.At + step.For
	}
}

// FuzzParsePlan: what parses prints as text that parses to the same.
func FuzzParsePlan(f *testing.F) {
	f.Add("at 1s for 2s cut from=primary to=all oneway=true\non rewind-50 kill")
	f.Add("at 1s kill-process process=walsender # x")
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := ParsePlan(text)
		if err != nil {
			return
		}
		again, err := ParsePlan(plan.String())
		if err != nil || again.String() != plan.String() {
			t.Errorf("%q prints as %q: %v", text, plan, err)
		}
	})
}

// Every entry can be built from its drawn values, and says what a plan writes.
func TestCatalogue(t *testing.T) {
	names := map[string]bool{}
	for _, entry := range Catalogue() {
		if names[entry.Name] {
			t.Errorf("%s is there twice", entry.Name)
		}
		names[entry.Name] = true
		if entry.Group == "" || entry.Imitates == "" || entry.Mechanism == "" {
			t.Errorf("%s says too little of itself", entry.Name)
		}
		if _, err := Draw(1, Drawing{Faults: []string{entry.Name}, Steps: 5, Length: 1e9, Longest: 1e9}); err != nil {
			t.Errorf("%s: %v", entry.Name, err)
		}
		for _, param := range entry.Params {
			for _, word := range param.Draw {
				if err := param.check(word); err != nil {
					t.Errorf("%s: %s: %v", entry.Name, param.Name, err)
				}
			}
		}
	}
}
