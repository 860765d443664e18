package fault

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// asks is what fakes were asked, in order.
type asks struct {
	mu   sync.Mutex
	said []string
}

func (a *asks) add(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = append(a.said, what)
}

func (a *asks) list() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.said)
}

func (a *asks) last() string { return a.list()[len(a.list())-1] }

// only is what begins with one of the words.
func (a *asks) only(words ...string) string {
	return strings.Join(slices.DeleteFunc(a.list(), func(what string) bool {
		first, _, _ := strings.Cut(what, " ")
		return !slices.Contains(words, first)
	}), ",")
}

// fake is a fault on nothing: it does what its fields say and writes what it was asked to a list.
type fake struct {
	name        string
	asked       *asks
	unsupported error
	bind        error
	inject      error
	verify      []error // one after the other, the last one for ever
	revert      error
	reverted    error
	momentary   bool
}

func (f *fake) note(what string)  { f.asked.add(what + " " + f.name) }
func (f *fake) String() string    { return f.name }
func (f *fake) Targets() []string { return []string{"pg1"} }
func (f *fake) Undo() []intent.Action {
	return []intent.Action{{Kind: intent.Exec, Container: f.name}}
}
func (f *fake) Supported(context.Context, *cluster.Cluster) error { return f.unsupported }
func (f *fake) Bind(context.Context, *Runner) (Bound, error)      { f.note("bind"); return f, f.bind }

func (f *fake) Revert(context.Context) error { f.note("revert"); return f.revert }

func (f *fake) VerifyReverted(context.Context) (Evidence, error) {
	f.note("look after")
	return Evidence{Effect: "gone"}, f.reverted
}

func (f *fake) Inject(context.Context) (Active, error) {
	f.note("inject")
	if f.momentary {
		return momentaryFake{f}, f.inject
	}
	return f, f.inject
}

func (f *fake) Verify(context.Context) (Evidence, error) {
	f.note("verify")
	evidence := Evidence{Effect: "seen", Control: "same", Values: map[string]string{"counter": "3"}}
	if len(f.verify) == 0 {
		return evidence, nil
	}
	err := f.verify[0]
	if len(f.verify) > 1 {
		f.verify = f.verify[1:]
	}
	return evidence, err
}

type momentaryFake struct{ *fake }

func (momentaryFake) Momentary() {}

// stage is a runner without a cluster, and the run it records.
func stage(t *testing.T) (r *Runner, load func() *history.Run, journals func() int) {
	t.Helper()
	intents := t.TempDir()
	recorder, err := history.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	journal, err := intent.Open(intents)
	if err != nil {
		t.Fatal(err)
	}
	r = &Runner{Recorder: recorder, Lease: DefaultLease, RevertWithin: time.Second, VerifyWithin: time.Second, journal: journal, points: newPoints(), hits: newHits()}
	load = func() *history.Run {
		if err := errors.Join(recorder.Manifest(history.Manifest{}), recorder.Close()); err != nil {
			t.Fatal(err)
		}
		run, err := history.Load(recorder.Dir())
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	journals = func() int {
		files, err := os.ReadDir(intents)
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	return r, load, journals
}

func spans(run *history.Run, name string) []history.Span {
	return slices.DeleteFunc(slices.Clone(run.Spans), func(s history.Span) bool { return s.Name != name })
}

func TestFaultsAreHealedInReverseOrder(t *testing.T) {
	r, load, journals := stage(t)
	var asked asks
	for _, name := range []string{"a", "b"} {
		if _, err := r.Inject(t.Context(), &fake{name: name, asked: &asked}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "bind a,inject a,verify a,bind b,inject b,verify b,verify b,revert b,look after b,verify a,revert a,look after a"
	if got := strings.Join(asked.list(), ","); got != want {
		t.Errorf("asked:\n%s\nwant:\n%s", got, want)
	}
	run := load()
	if faults := spans(run, history.SpanFault); len(faults) != 2 || faults[0].Values["counter"] != "3" || faults[0].End < faults[0].Start {
		t.Errorf("fault spans: %+v", faults)
	}
	if reverts := spans(run, history.SpanRevert); len(reverts) != 2 || reverts[0].Values["healed"] == "" {
		t.Errorf("revert spans: %+v", reverts)
	}
	if r.Dirty() || journals() != 0 {
		t.Errorf("dirty %v, journals left %d", r.Dirty(), journals())
	}
}

func TestAFaultWithoutEffectFailsAndIsTakenBack(t *testing.T) {
	r, _, journals := stage(t)
	var asked asks
	var none *NoEffectError
	_, err := r.Inject(t.Context(), &fake{name: "a", asked: &asked, verify: []error{errors.New("all is well")}})
	if !errors.As(err, &none) || none.When != "after injection" {
		t.Fatalf("error %v", err)
	}
	if !slices.Contains(asked.list(), "revert a") || len(r.Active()) != 0 {
		t.Errorf("asked %v, active %v", asked.list(), r.Active())
	}
	if err := r.Close(t.Context()); err != nil || journals() != 0 {
		t.Errorf("close %v, journals left %d", err, journals())
	}
}

func TestAFaultThatCeasedFailsAndIsStillTakenBack(t *testing.T) {
	r, load, _ := stage(t)
	var asked asks
	var none *NoEffectError
	err := r.Run(t.Context(), &fake{name: "a", asked: &asked, verify: []error{nil, errors.New("the rule is gone")}},
		func(context.Context) error { return nil })
	if !errors.As(err, &none) || none.When != "before revert" {
		t.Fatalf("error %v", err)
	}
	if asked.last() != "look after a" || r.Dirty() {
		t.Errorf("asked %v, dirty %v", asked.list(), r.Dirty())
	}
	if faults := spans(load(), history.SpanFault); len(faults) != 1 || !strings.Contains(faults[0].Err, "the rule is gone") {
		t.Errorf("fault span %+v", faults)
	}
}

func TestRevertsThatFailAreJoinedAndLeaveDirt(t *testing.T) {
	for _, broken := range []*fake{{name: "a", revert: errors.New("no way")}, {name: "a", reverted: errors.New("no way")}} {
		r, _, journals := stage(t)
		var asked asks
		broken.asked = &asked
		for _, f := range []*fake{{name: "first", asked: &asked}, broken} {
			if _, err := r.Inject(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		var failed *RevertError
		if err := r.Close(t.Context()); !errors.As(err, &failed) || !strings.Contains(err.Error(), "no way") {
			t.Errorf("error %v", err)
		}
		if asked.last() != "look after first" || !r.Dirty() || journals() != 1 {
			t.Errorf("asked %v, dirty %v, journals left %d", asked.list(), r.Dirty(), journals())
		}
	}
}

func TestAnInjectionThatFailsHalfWayIsTakenBack(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	_, err := r.Inject(t.Context(), &fake{name: "a", asked: &asked, inject: errors.New("half way")})
	if err == nil || !slices.Contains(asked.list(), "revert a") || slices.Contains(asked.list(), "verify a") {
		t.Errorf("error %v, asked %v", err, asked.list())
	}
}

func TestNothingHappensWithoutSupportOrTarget(t *testing.T) {
	for _, f := range []*fake{{unsupported: ErrUnsupported}, {bind: ErrNoTarget}} {
		r, _, journals := stage(t)
		var asked asks
		f.asked = &asked
		_, err := r.Inject(t.Context(), f)
		if !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrNoTarget) {
			t.Errorf("error %v", err)
		}
		if slices.Contains(asked.list(), "inject ") {
			t.Errorf("asked %q", asked.list())
		}
		if err := r.Close(t.Context()); err != nil || journals() != 0 {
			t.Errorf("close %v, journals left %d", err, journals())
		}
	}
}

func TestAMomentaryFaultIsNotVerifiedAgain(t *testing.T) {
	r, load, _ := stage(t)
	var asked asks
	if err := r.Run(t.Context(), &fake{name: "a", asked: &asked, momentary: true}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked.list(), ","); got != "bind a,inject a,verify a,revert a,look after a" {
		t.Errorf("asked %s", got)
	}
	if faults := spans(load(), history.SpanFault); len(faults) != 1 {
		t.Errorf("fault spans %+v", faults)
	}
}

func TestHealOutlivesItsContextAndAPanic(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	ctx, cancel := context.WithCancel(t.Context())
	func() {
		defer func() { _ = recover() }()
		_ = r.Run(ctx, &fake{name: "a", asked: &asked}, func(context.Context) error {
			cancel()
			panic("the story fell over")
		})
	}()
	if asked.last() != "look after a" {
		t.Errorf("asked %v", asked.list())
	}
}

func TestHealTwice(t *testing.T) {
	r, _, _ := stage(t)
	var asked asks
	in, err := r.Inject(t.Context(), &fake{name: "a", asked: &asked, revert: errors.New("no way")})
	if err != nil {
		t.Fatal(err)
	}
	first, second := in.Heal(t.Context()), in.Heal(t.Context())
	if first == nil || !errors.Is(second, first) {
		t.Errorf("errors %v and %v", first, second)
	}
}
