package fault

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !met() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true", what)
		}
		if err := pause(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func finished(in *Injected) func() bool {
	return func() bool {
		select {
		case <-in.Active.(Finisher).Done():
			return true
		default:
			return false
		}
	}
}

func TestSequenceOfTimes(t *testing.T) {
	r, load, journals := stage(t)
	var asked asks
	f := Sequence{[]Fault{
		For{10 * time.Millisecond, &fake{name: "a", asked: &asked}},
		&fake{name: "b", asked: &asked},
		For{10 * time.Millisecond, &fake{name: "c", asked: &asked}},
	}}
	in, err := r.Inject(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the end of the sequence", finished(in))
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "inject a,revert a,inject b,inject c,revert c,revert b"
	if got := asked.only("inject", "revert"); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	run := load()
	if faults := spans(run, history.SpanFault); len(faults) != 3 {
		t.Errorf("fault spans: %+v", faults)
	}
	if whole := spans(run, SpanComposition); len(whole) != 3 { // the sequence and two Fors
		t.Errorf("composition spans: %+v", whole)
	}
	if journals() != 0 {
		t.Error("a journal is left")
	}
}

func TestSequenceRevertedTooEarlyProvesNothing(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	_, err := r.Inject(t.Context(), Sequence{[]Fault{
		For{time.Hour, &fake{name: "a", asked: &asked}}, &fake{name: "b", asked: &asked},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var none *NoEffectError
	if err := r.Close(t.Context()); !errors.As(err, &none) || !strings.Contains(err.Error(), "1 of 2 steps") {
		t.Errorf("error %v", err)
	}
	if got := asked.only("inject", "revert"); got != "inject a,revert a" {
		t.Errorf("asked %s", got)
	}
}

func TestPartsWithoutEffectFailTheWhole(t *testing.T) {
	dead := errors.New("all is well")
	cases := map[string]func(bad, good Fault) Fault{
		"first":    func(bad, good Fault) Fault { return Sequence{[]Fault{bad, good}} },
		"second":   func(bad, good Fault) Fault { return Sequence{[]Fault{good, bad}} },
		"parallel": func(bad, good Fault) Fault { return Parallel{[]Fault{good, bad}} },
		"for":      func(bad, _ Fault) Fault { return For{time.Millisecond, bad} },
		"after":    func(bad, _ Fault) Fault { return After{time.Millisecond, bad} },
	}
	for name, build := range cases {
		r, _, _ := stage(t)
		var asked asks
		f := build(&fake{name: "bad", asked: &asked, verify: []error{dead}}, &fake{name: "good", asked: &asked})
		in, err := r.Inject(t.Context(), f)
		if err == nil {
			until(t, name, finished(in))
		}
		err = errors.Join(err, r.Close(t.Context()))
		if !errors.Is(err, dead) {
			t.Errorf("%s: error %v", name, err)
		}
		if strings.Count(asked.only("inject"), "inject") != strings.Count(asked.only("revert"), "revert") {
			t.Errorf("%s: asked %v", name, asked.list())
		}
	}
}

func TestAPartThatCannotBeRevertedLeavesDirt(t *testing.T) {
	r, _, journals := stage(t)
	var asked asks
	in, err := r.Inject(t.Context(), For{time.Millisecond, &fake{name: "a", asked: &asked, revert: errors.New("no way")}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the end", finished(in))
	var failed *RevertError
	if err := r.Close(t.Context()); !errors.As(err, &failed) || !r.Dirty() || journals() != 1 {
		t.Errorf("error %v, dirty %v, journals left %d", err, r.Dirty(), journals())
	}
}

func TestUntil(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	open := make(chan struct{})
	in, err := r.Inject(t.Context(), Until{
		Fault: &fake{name: "a", asked: &asked}, Name: "the gate is open", Every: time.Millisecond,
		Condition: func(context.Context) (bool, error) {
			select {
			case <-open:
				return true, nil
			default:
				return false, nil
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if finished(in)() {
		t.Fatal("it ended before its condition")
	}
	close(open)
	until(t, "the end", finished(in))
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUntilThatNeverComes(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	in, err := r.Inject(t.Context(), Until{
		Fault: &fake{name: "a", asked: &asked}, Name: "never", Every: time.Millisecond, Within: 5 * time.Millisecond,
		Condition: func(context.Context) (bool, error) { return false, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the end", finished(in))
	if err := r.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "did not come true") {
		t.Errorf("error %v", err)
	}
	if !slices.Contains(asked.list(), "look after a") {
		t.Errorf("asked %v", asked.list())
	}
}

func TestAtAPoint(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	in, err := r.Inject(t.Context(), At{Rewind50, &fake{name: "a", asked: &asked}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Reached(t.Context(), Rewind10); err != nil || len(asked.list()) != 0 {
		t.Fatalf("error %v, asked %v", err, asked.list())
	}
	if err := r.Reached(t.Context(), Rewind50); err != nil || asked.only("verify") != "verify a" {
		t.Fatalf("the procedure went on before the fault was in effect: %v, asked %v", err, asked.list())
	}
	until(t, "the end", finished(in))
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Reached(t.Context(), Rewind50); err != nil {
		t.Error(err)
	}
}

func TestAPointThatIsNeverReachedProvesNothing(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	if _, err := r.Inject(t.Context(), At{Rewind50, &fake{name: "a", asked: &asked}}); err != nil {
		t.Fatal(err)
	}
	var none *NoEffectError
	if err := r.Close(t.Context()); !errors.As(err, &none) {
		t.Errorf("error %v", err)
	}
	if _, err := r.Inject(t.Context(), At{"lunch", &fake{name: "a", asked: &asked}}); err == nil {
		t.Error("a point that no procedure has was taken")
	}
}

func TestAPointWhoseFaultFailsStopsTheProcedure(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	dead := errors.New("all is well")
	if _, err := r.Inject(t.Context(), At{Rewind50, &fake{name: "a", asked: &asked, verify: []error{dead}}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Reached(t.Context(), Rewind50); !errors.Is(err, dead) {
		t.Errorf("error %v", err)
	}
	if err := r.Close(t.Context()); !errors.Is(err, dead) {
		t.Errorf("error %v", err)
	}
}

func TestNestedCompositions(t *testing.T) {
	r, load, _ := stage(t)
	var asked asks
	part := func(name string) Fault { return &fake{name: name, asked: &asked} }
	in, err := r.Inject(t.Context(), Parallel{[]Fault{
		After{5 * time.Millisecond, For{5 * time.Millisecond, part("a")}},
		Sequence{[]Fault{For{time.Millisecond, part("b")}, part("c")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the end", finished(in))
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if faults := spans(load(), history.SpanFault); len(faults) != 3 {
		t.Errorf("fault spans: %+v", faults)
	}
}
