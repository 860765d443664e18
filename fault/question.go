package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Times of questions.
const (
	questionSilence = 400 * time.Millisecond // for which a question stays unanswered before that means something
	questionBefore  = 15 * time.Second       // within which it is answered before the fault, else silence would prove nothing
	questionEvery   = 50 * time.Millisecond  // between two tries
)

// asking is something that is asked and only answered if what a fault stops goes on.
type asking struct {
	what string // what has happened when it is answered: "a checkpoint is done on pg1"
	ask  func(ctx context.Context) error
}

// question is something that was asked once and has not been answered since: that tells more than looks now and then, because what
// went on in between, for however short a time, would have answered it.
type question struct {
	asking
	done chan struct{}
	stop context.CancelFunc
	err  error // valid after done
}

// before sees it answered while all is well.
func (a asking) before(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, questionBefore)
	defer cancel()
	if err := a.ask(ctx); err != nil {
		return fmt.Errorf("see that %s before the fault: %w", a.what, err)
	}
	return nil
}

// pose asks, and returns without the answer. Dismiss it.
func (a asking) pose(ctx context.Context) *question {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	q := &question{asking: a, done: make(chan struct{}), stop: stop}
	go func() {
		defer close(q.done)
		q.err = a.ask(ctx)
	}()
	return q
}

// unanswered gives the answer time to come; that it does not come is what is wanted.
func (q *question) unanswered(ctx context.Context) error {
	silence, cancel := context.WithTimeout(ctx, questionSilence)
	defer cancel()
	select {
	case <-q.done:
		if q.err != nil {
			return fmt.Errorf("it should hang that %s, but: %w", q.what, q.err)
		}
		return errors.New(q.what)
	case <-silence.Done():
		return ctx.Err()
	}
}

// answered waits for the answer. A question that ended in an error, because its connection broke, is asked again and again.
func (q *question) answered(ctx context.Context) error {
	select {
	case <-q.done:
	case <-ctx.Done():
		return fmt.Errorf("wait until %s: %w", q.what, ctx.Err())
	}
	err := q.err
	for err != nil {
		if ended := pause(ctx, questionEvery); ended != nil {
			return fmt.Errorf("wait until %s: %w", q.what, errors.Join(ended, err))
		}
		err = q.ask(ctx)
	}
	return nil
}

// dismiss gives the question up and waits until nobody asks any more.
func (q *question) dismiss() {
	q.stop()
	<-q.done
}

// questions are all that a fault has posed.
type questions []*question

func (all questions) unanswered(ctx context.Context) error {
	return all.each(func(q *question) error { return q.unanswered(ctx) })
}

func (all questions) answered(ctx context.Context) error {
	return all.each(func(q *question) error { return q.answered(ctx) })
}

func (all questions) dismiss() {
	for _, q := range all {
		q.dismiss()
	}
}

// each waits for all of them at once.
func (all questions) each(wait func(*question) error) error {
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i, q := range all {
		group.Go(func() { errs[i] = wait(q) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// try asks again and again until the answer is no error, or ctx ends.
func try(ctx context.Context, ask func(ctx context.Context) error) error {
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if ended := pause(ctx, questionEvery); ended != nil {
			return errors.Join(ended, err)
		}
	}
}
