package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/pg"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

func TestEveryStoryIsToldWhole(t *testing.T) {
	names := map[string]bool{}
	for _, s := range All() {
		switch {
		case names[s.Name]:
			t.Errorf("%s is there twice", s.Name)
		case s.Story == "" || !strings.HasSuffix(s.Story, ".") || strings.Contains(s.Story, "\n"):
			t.Errorf("%s: the story is not one sentence: %q", s.Name, s.Story)
		case len(s.Levels) == 0 || s.Steps == nil:
			t.Errorf("%s: no commit level or no steps", s.Name)
		case s.Budget.Outage == 0:
			t.Errorf("%s: an outage of any length would be good", s.Name)
		case s.Expect.Overlap != s.Budget.TwoWrite:
			t.Errorf("%s: two writable nodes are either expected and allowed, or neither", s.Name)
		case s.Budget.Lost != 0:
			t.Errorf("%s: a synchronous level may lose nothing", s.Name)
		}
		names[s.Name] = true
	}
	for _, name := range []string{"switchover-failback", "kill-primary", "kill-container", "cut-then-kill", "cut-sync", "split-brain", "rewind-refused", "rewind-interrupted"} {
		if !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestBudgetByLevel(t *testing.T) {
	s := KillPrimary()
	if b := s.budget(Setup{Level: cluster.Sync, MinBefore: 7}); b.Lost != 0 || b.MinBefore != 7 {
		t.Errorf("sync: %+v", b)
	}
	if b := s.budget(Setup{Level: cluster.Async}); b.Lost != s.AsyncLost {
		t.Errorf("async: %+v", b)
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := map[uint64]bool{stream("a", "b", 1): true}
	for _, other := range []uint64{stream("a", "b", 2), stream("ab", "", 1), stream("a", "c", 1), stream("b", "a", 1)} {
		if seen[other] {
			t.Error("two runs draw the same")
		}
		seen[other] = true
	}
	if first := stream("kill-primary", "manual", 1); first != stream("kill-primary", "manual", 1) {
		t.Error("a replay draws differently")
	}
}

func heard(a *acks, token, node string, timeline pg.Timeline, lsn pg.LSN, outcome history.Outcome) {
	a.heard(history.Op{Kind: history.Append, Token: token, Node: node, Timeline: timeline, LSN: lsn, Outcome: outcome})
}

func TestOnlyWhatIsPastTheEdgeIsExpectedLost(t *testing.T) {
	a := &acks{}
	heard(a, "before", "pg1", 1, 100, history.OK)
	heard(a, "at the edge", "pg1", 1, 200, history.OK)
	heard(a, "behind", "pg1", 1, 201, history.OK)
	heard(a, "not acknowledged", "pg1", 1, 300, history.Unknown)
	heard(a, "on the other branch", "pg2", 2, 250, history.OK)
	heard(a, "after the fail-back", "pg1", 3, 400, history.OK)
	a.heard(history.Op{Kind: history.Read, Outcome: history.OK, Token: "a read"})
	got := a.past(edge{node: "pg1", timeline: 1, lsn: 200})
	if !slices.Equal(got, []string{"behind"}) {
		t.Errorf("%q", got)
	}
	if none := a.past(edge{node: "pg9"}); none == nil || len(none) != 0 {
		t.Errorf("nothing lost must be an empty list, not no list: %#v", none)
	}
}

func TestWaitForAcknowledgements(t *testing.T) {
	a := &acks{}
	heard(a, "old", "pg1", 1, 1, history.OK)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- a.wait(ctx, 1, 2, func(one ack) bool { return one.node == "pg2" }) }()
	a.heard(history.Op{Kind: history.Append, Outcome: history.OK, Node: "pg2"})
	a.heard(history.Op{Kind: history.Append, Outcome: history.OK, Node: "pg1"})
	a.heard(history.Op{Kind: history.Append, Outcome: history.OK, Node: "pg2"})
	if err := <-done; err != nil {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := a.wait(short, 0, 9, anyAck); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "4 so far") {
		t.Errorf("%v", err)
	}
}

func TestFaultThatWasNeverInjectedIsAnError(t *testing.T) {
	p, err := open(KillPrimary(), Setup{Out: t.TempDir(), Procedure: procedure.Manual{}, Level: cluster.Async})
	if err != nil {
		t.Fatal(err)
	}
	defer p.recorder.Close()
	if err := p.stage.nothingLeft(); err != nil {
		t.Error(err)
	}
	if err := p.stage.InjectAt(procedure.Rewind50, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.stage.nothingLeft(); err == nil || !strings.Contains(err.Error(), "rewind-50") {
		t.Errorf("%v", err)
	}
}

// A run whose pair could not be built is on disk all the same, says why, and repeats nothing that was secret.
func TestRunThatCouldNotStartIsOnDisk(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var steps []string
	dir, err := Play(ctx, KillPrimary(), Setup{
		Ready: image.Ready{Postgres: "no/such:image", Version: "17.11", Source: "named by the user"}, Procedure: procedure.Manual{},
		Level: cluster.Sync, Seed: 7, Repetition: 2, Out: t.TempDir(), Clients: 3, Rate: 10, Replay: "make drill SEED=7",
		Log: func(step string, _ time.Duration) { steps = append(steps, step) },
	})
	if err == nil || dir == "" {
		t.Fatalf("%q, %v", dir, err)
	}
	run, loadErr := history.Load(dir)
	if loadErr != nil {
		t.Fatal(loadErr)
	}
	if run.Error == "" || run.Ended.IsZero() || run.Seed != 7 || run.Repetition != 2 || run.Commit != "sync" || run.Replay != "make drill SEED=7" ||
		run.Settings["CLIENTS"] != "3" || run.Version != "17.11" || run.Budget.Lost != 0 || run.Expect.Promotions != 2 {
		text, _ := json.Marshal(run.Manifest)
		t.Errorf("%s", text)
	}
	if !slices.Contains(steps, "build the pair") {
		t.Errorf("steps: %q", steps)
	}
}
