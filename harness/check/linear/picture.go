package linear

import (
	"fmt"
	"io"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// pictureTime is how long the search for a picture may take.
const pictureTime = 10 * time.Second

// Picture writes porcupine's page of one violation: the operations of its piece, the longest orders that explain part of them,
// and on the same axis the faults and the steps of the procedure that lie within.
func Picture(to io.Writer, v Violation, run *history.Run) error {
	m := model(v.piece.initial)
	_, info := porcupine.CheckOperationsVerbose(m, operations(v.piece.ops), pictureTime)
	from, end := v.piece.ops[0].call, v.piece.ops[0].end
	for _, o := range v.piece.ops {
		from, end = min(from, o.call), max(end, o.end)
	}
	var notes []porcupine.Annotation
	for _, span := range run.Spans {
		if span.End < from || span.Start > end {
			continue
		}
		notes = append(notes, note(span, from, end))
	}
	info.AddAnnotations(notes)
	if err := porcupine.Visualize(m, info, to); err != nil {
		return fmt.Errorf("draw key %q: %w", v.Register.Key, err)
	}
	return nil
}

func note(span history.Span, from, end time.Duration) porcupine.Annotation {
	a := porcupine.Annotation{
		Tag: span.Name, Start: int64(max(span.Start, from)), End: int64(min(span.End, end)),
		Description: span.Name, Details: fmt.Sprintf("%s %s from %v to %v %s", span.Node, span.Detail, span.Start, span.End, span.Err),
	}
	if span.Name == history.SpanFault {
		a.Description, a.BackgroundColor = span.Detail, "#f4c7a1"
	}
	return a
}
