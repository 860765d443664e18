package cluster

import (
	"context"
	"errors"
	"time"
)

// pollEvery is between two looks at a condition inside a node: a look costs about a millisecond.
const pollEvery = 5 * time.Millisecond

// poll asks until the answer is yes, an error comes, or ctx ends.
func poll(ctx context.Context, look func(context.Context) (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		yes, err := look(ctx)
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// errFirst prefers an error that says what was wrong over the deadline that ended the waiting for it.
func errFirst(last, deadline error) error {
	if last == nil {
		return deadline
	}
	return errors.Join(deadline, last)
}
