package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/intent"
)

// fakeEngine notes what it is asked and fails for one container.
type fakeEngine struct {
	asked   []string
	failing string
}

func (f *fakeEngine) do(what, container string) error {
	f.asked = append(f.asked, what+" "+container)
	switch container {
	case f.failing:
		return errors.New("no way")
	case "removed":
		return errGone
	case "stopped":
		return errStopped
	}
	return nil
}

func (f *fakeEngine) Exec(_ context.Context, container, user string, argv []string) error {
	return f.do(strings.Join(append([]string{"exec", user}, argv...), " "), container)
}

func (f *fakeEngine) Unpause(_ context.Context, container string) error {
	return f.do("unpause", container)
}

func (f *fakeEngine) Start(_ context.Context, container string) error {
	return f.do("start", container)
}

func (f *fakeEngine) Beside(_ context.Context, container, image string, capabilities, argv []string) error {
	return f.do(strings.Join(slices.Concat([]string{"run", image}, capabilities, argv, []string{"beside"}), " "), container)
}

func (f *fakeEngine) Limit(_ context.Context, action intent.Action) error {
	what := fmt.Sprintf("%s %d of %d, %d and %d", action.Kind, action.Quota, action.Period, action.Memory, action.Swap)
	return f.do(what, action.Container)
}

func (f *fakeEngine) Restart(_ context.Context, container string) error {
	return f.do("restart", container)
}

// abandon writes a journal and leaves it as a dead process does: unlocked, with entries open.
func abandon(t *testing.T, undo ...[]intent.Action) string {
	t.Helper()
	dir := t.TempDir()
	journal, err := intent.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, actions := range undo {
		if _, err := journal.Begin("a fault", actions); err != nil {
			t.Fatal(err)
		}
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func left(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestHealsNewestFirst(t *testing.T) {
	dir := abandon(t,
		[]intent.Action{{Kind: intent.Unpause, Container: "one"}, {Kind: intent.Start, Container: "removed"}},
		[]intent.Action{{Kind: intent.Restart, Container: "three"}},
		[]intent.Action{{Kind: intent.Exec, Container: "two", User: "root", Argv: []string{"kill", "-CONT", "7"}}},
		[]intent.Action{{Kind: intent.Beside, Container: "two", Image: "own", Capabilities: []string{"SYS_PTRACE"}, Argv: []string{"/clock", "clear"}}})
	engine := &fakeEngine{}
	if err := (&healer{engine, &bytes.Buffer{}}).run(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if want := []string{"run own SYS_PTRACE /clock clear beside two", "exec root kill -CONT 7 two", "restart three", "unpause one", "start removed"}; !slices.Equal(engine.asked, want) {
		t.Errorf("asked %v", engine.asked)
	}
	if left(t, dir) != 0 {
		t.Error("the journal is left")
	}
}

func TestHealsLimitsAndWhatStillRuns(t *testing.T) {
	argv := []string{"thaw"}
	dir := abandon(t, []intent.Action{
		{Kind: intent.LimitCPU, Container: "one", Period: 100, Quota: 5},
		{Kind: intent.LimitMemory, Container: "one", Memory: 7, Swap: 8},
		{Kind: intent.ExecIfRunning, Container: "stopped", User: "postgres", Argv: argv},
		{Kind: intent.ExecIfRunning, Container: "one", User: "postgres", Argv: argv},
	})
	engine := &fakeEngine{}
	if err := (&healer{engine, &bytes.Buffer{}}).run(t.Context(), dir); err != nil || left(t, dir) != 0 {
		t.Errorf("%v, journals left %d", err, left(t, dir))
	}
	want := []string{
		"limit-cpu 5 of 100, 0 and 0 one", "limit-memory 0 of 0, 7 and 8 one",
		"exec postgres thaw stopped", "exec postgres thaw one",
	}
	if !slices.Equal(engine.asked, want) {
		t.Errorf("asked %v", engine.asked)
	}
	dir = abandon(t, []intent.Action{{Kind: intent.Exec, Container: "stopped", Argv: argv}})
	if err := (&healer{engine, &bytes.Buffer{}}).run(t.Context(), dir); err == nil || left(t, dir) != 1 {
		t.Errorf("what must be run in a container that does not run: %v, journals left %d", err, left(t, dir))
	}
}

func TestWhatCannotBeHealedStays(t *testing.T) {
	dir := abandon(t, []intent.Action{{Kind: intent.Start, Container: "stuck"}, {Kind: intent.Unpause, Container: "one"}})
	engine := &fakeEngine{failing: "stuck"}
	var out bytes.Buffer
	if err := (&healer{engine, &out}).run(t.Context(), dir); err == nil || !strings.Contains(out.String(), "no way") {
		t.Errorf("error %v, said %s", err, out.String())
	}
	if len(engine.asked) != 2 || left(t, dir) != 1 {
		t.Errorf("asked %v, journals left %d", engine.asked, left(t, dir))
	}
	engine.failing = ""
	if err := (&healer{engine, &out}).run(t.Context(), dir); err != nil || left(t, dir) != 0 {
		t.Errorf("second time: %v", err)
	}
}

func TestHealsAtAgentsAliveAndGone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var removed []string
	serving := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		serving <- wire.Serve(ctx, listener, "secret", func(_ context.Context, _ netip.Addr, q wire.Request, _ *wire.Reply) (time.Time, error) {
			removed = append(removed, q.IDs...)
			return time.Time{}, nil
		})
	}()
	dir := abandon(t, []intent.Action{
		{Kind: intent.AgentRemove, Agent: listener.Addr().String(), Token: "secret", IDs: []string{"f1"}},
		{Kind: intent.AgentRemove, Agent: "127.0.0.1:1", Token: "secret", IDs: []string{"f2"}},
	})
	var out bytes.Buffer
	err = (&healer{&fakeEngine{}, &out}).run(t.Context(), dir)
	stop()
	if err := errors.Join(err, <-serving); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(removed, []string{"f1"}) || !strings.Contains(out.String(), "gone") || strings.Contains(out.String(), "secret") {
		t.Errorf("removed %v, said %s", removed, out.String())
	}
}

func TestNothingToHeal(t *testing.T) {
	var out bytes.Buffer
	dir := filepath.Join(os.TempDir(), "pgcrucible-no-such-folder")
	if err := (&healer{&fakeEngine{}, &out}).run(t.Context(), dir); err != nil || out.String() != "nothing to heal\n" {
		t.Errorf("%v, said %s", err, out.String())
	}
}
