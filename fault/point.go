package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Point is a named place inside a procedure, as harness/procedure calls its hook there.
type Point string

// The points of a procedure.
const (
	BeforePromote Point = "before-promote"
	AfterPromote  Point = "after-promote"
	Rewind10      Point = "rewind-10" // 10 % of the rewind's copying is done
	Rewind50      Point = "rewind-50"
	Rewind90      Point = "rewind-90"
	AfterRewind   Point = "after-rewind" // not yet started
	DuringBackup  Point = "during-backup"
)

// Points are all of them, in the order of a failover.
func Points() []Point {
	return []Point{BeforePromote, AfterPromote, Rewind10, Rewind50, Rewind90, AfterRewind, DuringBackup}
}

// ParsePoint refuses a point that no procedure has.
func ParsePoint(word string) (Point, error) {
	if slices.Contains(Points(), Point(word)) {
		return Point(word), nil
	}
	words := make([]string, len(Points()))
	for i, point := range Points() {
		words[i] = string(point)
	}
	return "", fmt.Errorf("unknown point %q: want %s", word, strings.Join(words, ", "))
}

// points hands the news that a procedure is at a point to the faults that wait for it.
type points struct {
	mu      sync.Mutex
	waiting map[Point][]chan chan error
}

func newPoints() *points { return &points{waiting: map[Point][]chan chan error{}} }

// Reached says that the procedure is at a point and stands still there. It returns when every fault that waited for the
// point is in effect and verified, with their errors. A point reached again finds nobody waiting: a fault waits once.
func (r *Runner) Reached(ctx context.Context, point Point) error {
	for _, injected := range r.points.call(point) {
		select {
		case err := <-injected:
			if err != nil {
				return fmt.Errorf("fault at %s: %w", point, err)
			}
		case <-ctx.Done():
			return fmt.Errorf("fault at %s: %w", point, ctx.Err())
		}
	}
	return nil
}

// call wakes those who wait for a point and returns where each will say how its injection went.
func (p *points) call(point Point) []chan error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var answers []chan error
	for _, waiter := range p.waiting[point] {
		injected := make(chan error, 1)
		waiter <- injected // has room for one
		answers = append(answers, injected)
	}
	delete(p.waiting, point)
	return answers
}

// wait registers for a point.
func (p *points) wait(point Point) <-chan chan error {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiter := make(chan chan error, 1)
	p.waiting[point] = append(p.waiting[point], waiter)
	return waiter
}

// leave ends the waiting; who has been called already answers that nothing was injected.
func (p *points) leave(point Point, gone <-chan chan error, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[point] = slices.DeleteFunc(p.waiting[point], func(w chan chan error) bool { return w == gone })
	select {
	case injected := <-gone:
		injected <- why
	default:
	}
}
