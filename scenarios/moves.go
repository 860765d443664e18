package scenarios

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

// Failover has the procedure move the role after the primary has gone wrong, and returns the new primary.
func (s *Stage) Failover(ctx context.Context) (*cluster.Node, error) {
	return s.procedure.Failover(ctx, s.cluster, procedure.FailoverOptions{})
}

// FailoverUnfenced is Failover by somebody who forgets the fence.
func (s *Stage) FailoverUnfenced(ctx context.Context) (*cluster.Node, error) {
	return s.procedure.Failover(ctx, s.cluster, procedure.FailoverOptions{NoFence: true})
}

// Rejoin has the procedure bring a former primary back as a standby.
func (s *Stage) Rejoin(ctx context.Context, old *cluster.Node) (procedure.Rejoined, error) {
	return s.procedure.Rejoin(ctx, s.cluster, old)
}

// RejoinInterrupted is a Rejoin that must not come to its end, because of a fault inside it. It is an error if it does.
func (s *Stage) RejoinInterrupted(ctx context.Context, old *cluster.Node) error {
	_, err := s.procedure.Rejoin(ctx, s.cluster, old)
	if err == nil {
		return fmt.Errorf("the rejoin of %s came to its end, although it was to be interrupted", old)
	}
	if err := errors.Join(ctx.Err(), s.nothingLeft(), s.missed()); err != nil {
		return err // it was not the fault that interrupted it
	}
	s.Mark("rejoin interrupted: " + err.Error())
	return nil
}

// Switchover has the procedure move the role to a standby as planned.
func (s *Stage) Switchover(ctx context.Context, to *cluster.Node) error {
	if err := s.letGo(ctx); err != nil {
		return err
	}
	return s.procedure.Switchover(ctx, s.cluster, to)
}

// Failback moves the role back to the node that had it first, as a planned switchover. If that node has it, nothing is done.
func (s *Stage) Failback(ctx context.Context) error {
	first, err := s.cluster.Node(s.first)
	if err != nil {
		return err
	}
	if now, err := s.cluster.Primary(ctx); err != nil || now == first {
		return err
	}
	return s.recorder.Do(history.SpanFailback, s.first, func(*history.Span) error { return s.Switchover(ctx, first) })
}

// Inject puts a fault into effect and returns when it was seen to bite.
func (s *Stage) Inject(ctx context.Context, f fault.Fault) error {
	s.log("inject " + f.String())
	if err := s.letGo(ctx); err != nil {
		return err
	}
	_, err := s.faults.Inject(ctx, f)
	return err
}

// Heal takes every fault back, newest first, and returns when it was seen that each is gone. That the pair has recovered is
// another moment.
func (s *Stage) Heal(ctx context.Context) error {
	s.log("heal")
	return s.faults.Heal(ctx)
}

// InjectAt has a fault injected when the procedure comes to a point, once.
func (s *Stage) InjectAt(point procedure.Point, f fault.Fault) error {
	if _, can := s.setup.Procedure.(procedure.Hooked); !can {
		return fmt.Errorf("the procedure %s has no points: %w", s.procedure.Name(), errors.ErrUnsupported)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points[point] = f
	return nil
}

// reached is the procedure's hook.
func (s *Stage) reached(ctx context.Context, point procedure.Point, node *cluster.Node) error {
	s.mu.Lock()
	f, set := s.points[point]
	delete(s.points, point)
	s.mu.Unlock()
	err := s.faults.Reached(ctx, fault.Point(point)) // faults of a plan may wait for the point too
	if set {
		s.Mark(fmt.Sprintf("%s on %s", point, node))
		err = errors.Join(err, s.Inject(ctx, f))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooked = errors.Join(s.hooked, err)
	return err
}

// missed is why faults at points could not be injected, if any could not.
func (s *Stage) missed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hooked
}

// nothingLeft is an error if a fault that was set with InjectAt was never injected: its point was not reached.
func (s *Stage) nothingLeft() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for point, f := range s.points {
		return fmt.Errorf("the procedure never came to %s, so %s was not injected", point, f)
	}
	return nil
}
