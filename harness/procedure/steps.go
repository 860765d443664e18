package procedure

import (
	"context"
	"slices"
)

// steps are the points of a copying program that have not been reached yet.
type steps struct {
	points []Point
	total  int64 // bytes that it will copy; 0 until it has said so
}

func newSteps(points ...Point) *steps { return &steps{points: slices.Clone(points)} }

// share is the part of the copying, in percent, at which a point lies.
func (p Point) share() int64 {
	switch p {
	case Rewind10:
		return 10
	case Rewind50, DuringBackup:
		return 50
	case Rewind90:
		return 90
	}
	return 100
}

// passed takes the points that a program has reached which has written so many bytes.
func (s *steps) passed(written int64) []Point {
	if s.total <= 0 {
		return nil
	}
	n := 0
	for n < len(s.points) && written*100 >= s.total*s.points[n].share() {
		n++
	}
	reached := s.points[:n]
	s.points = s.points[n:]
	return reached
}

// reach calls the hook at every point that a job has come to. The program is stopped meanwhile; if the hook killed it or its
// node, the next look says so. Without a hook nothing is looked at.
func (m Manual) reach(ctx context.Context, run *job, points *steps, s state) error {
	if m.Hook == nil || s.ended {
		return nil
	}
	if needed, said := ParseNeeded(s.output); said {
		points.total = needed
	}
	for _, point := range points.passed(s.written) {
		if err := run.signal(ctx, "STOP"); err != nil {
			return err
		}
		if err := m.at(ctx, point, run.node); err != nil {
			return err
		}
		if err := run.signal(ctx, "CONT"); err != nil {
			return err
		}
	}
	return nil
}
