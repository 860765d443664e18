package fault

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestQuestion(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	thaw := make(chan struct{})
	w := asking{"it moves", func(ctx context.Context) error {
		select {
		case <-thaw:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	q := w.pose(ctx)
	defer q.dismiss()
	if err := q.unanswered(ctx); err != nil {
		t.Errorf("frozen: %v", err)
	}
	close(thaw)
	if err := q.answered(ctx); err != nil {
		t.Errorf("thawed: %v", err)
	}
	if err := q.unanswered(ctx); err == nil || err.Error() != "it moves" {
		t.Errorf("answered meanwhile: %v", err)
	}
	if err := w.before(ctx); err != nil {
		t.Errorf("before: %v", err)
	}
}

func TestABrokenQuestionIsNoSilence(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	broken := errors.New("connection reset")
	asked := 0
	q := asking{"it moves", func(context.Context) error {
		if asked++; asked < 3 {
			return broken
		}
		return nil
	}}.pose(ctx)
	defer q.dismiss()
	if err := q.unanswered(ctx); !errors.Is(err, broken) {
		t.Errorf("unanswered: %v", err)
	}
	if err := q.answered(ctx); err != nil || asked != 3 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestAQuestionThatIsDismissedEnds(t *testing.T) {
	q := asking{"never", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}.pose(t.Context())
	q.dismiss()
	if !errors.Is(q.err, context.Canceled) {
		t.Errorf("%v", q.err)
	}
}
