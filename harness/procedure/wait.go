package procedure

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// until asks every so often whether something holds, until it does or ctx ends. The question answers with what is still in
// the way ("" is: it holds); an error is in the way too, since servers come and go during a failover. The returned error
// says what was waited for, for how long, and what was in the way last.
func until(ctx context.Context, what string, every time.Duration, ask func(context.Context) (string, error)) error {
	began := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := "nothing was answered"
	for {
		inTheWay, err := ask(ctx)
		switch {
		case err == nil && inTheWay == "":
			return nil
		case err == nil:
			last = inTheWay
		case ctx.Err() == nil: // an error because of the deadline says less than the one before
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return &WaitError{For: what, Took: time.Since(began), Last: last, cause: context.Cause(ctx)}
		case <-tick.C:
		}
	}
}

// WaitError says that something did not come true in time.
type WaitError struct {
	For   string        // what was waited for
	Took  time.Duration // for how long
	Last  string        // what was in the way when it was last looked at
	cause error
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("wait %.1fs for %s: %s", e.Took.Seconds(), e.For, e.Last)
}

// Unwrap is why the wait ended: the deadline or a cancellation.
func (e *WaitError) Unwrap() error { return e.cause }

// within is a step's deadline. The limit counts for the step alone; an end of ctx ends it too.
func within(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errStep)
	defer cancel()
	return step(ctx)
}

var errStep = errors.New("the step's deadline passed")
