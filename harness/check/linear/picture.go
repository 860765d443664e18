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

// mostDrawn is how many operations a picture of a good register has at most: more cannot be read.
const mostDrawn = 300

// Excerpt is a part of one register's history.
type Excerpt struct {
	Register *Register
	piece    piece
}

// Around is the part around a moment of the register that was used most at it; false: there is none that can be drawn.
func Around(registers []*Register, moment time.Duration) (Excerpt, bool) {
	var best Excerpt
	near := 0
	for _, register := range registers {
		pieces := register.pieces()
		for i, p := range pieces {
			from, end := p.extent()
			if i+1 < len(pieces) && end < moment || len(p.ops) > mostDrawn {
				continue
			}
			if i > 0 && from > moment-time.Second && len(pieces[i-1].ops)+len(p.ops) <= mostDrawn {
				before := pieces[i-1]
				p = piece{initial: before.initial, versioned: p.versioned, ops: append(append([]operation(nil), before.ops...), p.ops...)}
			}
			if n := len(p.ops); n > near {
				best, near = Excerpt{Register: register, piece: p}, n
			}
			break
		}
	}
	return best, near > 0
}

// extent is from when until when the operations of a piece were under way.
func (p *piece) extent() (from, end time.Duration) {
	from, end = p.ops[0].call, p.ops[0].end
	for _, o := range p.ops {
		from, end = min(from, o.call), max(end, o.end)
	}
	return from, end
}

// Picture writes porcupine's page of an excerpt: its operations, the longest orders that explain them or part of them, and on the
// same axis the faults and the steps of the procedure that lie within.
func (e Excerpt) Picture(to io.Writer, run *history.Run) error {
	m := e.piece.model()
	_, info := porcupine.CheckOperationsVerbose(m, operations(e.piece.ops), pictureTime)
	from, end := e.piece.extent()
	var notes []porcupine.Annotation
	for _, span := range run.Spans {
		if span.Name == history.SpanLoad || span.End < from || span.Start > end {
			continue // the load is always there
		}
		notes = append(notes, note(span, from, end))
	}
	info.AddAnnotations(notes)
	if err := porcupine.Visualize(m, info, to); err != nil {
		return fmt.Errorf("draw key %q: %w", e.Register.Key, err)
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
