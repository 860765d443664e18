package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// again is the time between two looks.
	again = 100 * time.Millisecond
	// atOnce is how many containers are removed at the same time.
	atOnce = 4
)

// Clear removes everything that carries all the labels and is not spared, and looks again until nothing of it has been there for the
// time quiet: an engine finishes a creation although the one who asked for it is gone. It returns what it removed, and an error
// if ctx ends before that, with the reason why the last one stayed.
func (e Engine) Clear(ctx context.Context, labels []string, spare func(Thing) bool, quiet time.Duration) ([]Thing, error) {
	var removed []Thing
	var stayed error
	tick := time.NewTicker(again)
	defer tick.Stop()
	for last := time.Now(); ; {
		left, err := e.left(ctx, labels, spare)
		if err == nil && len(left) == 0 && time.Since(last) >= quiet {
			return removed, nil
		}
		if err != nil || len(left) > 0 {
			gone, removeErr := e.remove(ctx, left)
			removed, last = append(removed, gone...), time.Now()
			if ctx.Err() == nil { // else it failed because it was given up, and the reason is an earlier one
				stayed = errors.Join(err, removeErr)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return removed, errors.Join(fmt.Errorf("clear the engine: %w", context.Cause(ctx)), stayed)
		}
	}
}

func (e Engine) left(ctx context.Context, labels []string, spare func(Thing) bool) ([]Thing, error) {
	all, err := e.List(ctx, labels...)
	if err != nil {
		return nil, err
	}
	var left []Thing
	for _, thing := range all {
		if !spare(thing) {
			left = append(left, thing)
		}
	}
	return left, nil
}

// remove removes kind after kind: a network is free only when its containers are gone.
func (e Engine) remove(ctx context.Context, things []Thing) (gone []Thing, err error) {
	var errs []error
	for _, kind := range []Kind{Container, Network, Volume} {
		var mu sync.Mutex
		var all sync.WaitGroup
		slots := make(chan struct{}, atOnce)
		for _, thing := range things {
			if thing.Kind != kind {
				continue
			}
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				err := e.Remove(ctx, thing)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					errs = append(errs, err)
					return
				}
				gone = append(gone, thing)
			})
		}
		all.Wait()
	}
	return gone, errors.Join(errs...)
}
