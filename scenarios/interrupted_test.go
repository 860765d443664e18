package scenarios

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

// failing is a procedure whose rejoin goes wrong, with or without having come to the point at which a fault was set.
type failing struct {
	procedure.Procedure
	reach func()
}

func (f failing) Name() string { return "failing" }

func (f failing) Rejoin(context.Context, *cluster.Cluster, *cluster.Node) (procedure.Rejoined, error) {
	f.reach()
	return procedure.Rejoined{}, errors.New("something else")
}

func TestARejoinThatFailsForAnotherReasonWasNotInterrupted(t *testing.T) {
	p, err := open(RewindInterrupted(), Setup{Out: t.TempDir(), Procedure: procedure.Manual{}, Level: cluster.Async})
	if err != nil {
		t.Fatal(err)
	}
	defer p.recorder.Close()
	s := p.stage
	s.procedure = failing{reach: func() {}}
	if err := s.InjectAt(procedure.Rewind50, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.RejoinInterrupted(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "rewind-50") {
		t.Errorf("the fault was never injected: %v", err)
	}
	s.procedure = failing{reach: func() {
		clear(s.points)
		s.hooked = errors.New("the fault did not bite")
	}}
	if err := s.RejoinInterrupted(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "did not bite") {
		t.Errorf("the fault did not bite: %v", err)
	}
	s.hooked = nil
	s.procedure = failing{reach: func() {}}
	if err := s.RejoinInterrupted(t.Context(), nil); err != nil {
		t.Errorf("interrupted as it was meant: %v", err)
	}
}
