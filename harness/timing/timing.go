// Package timing takes the phases of an outage from a run: RTO and its parts, RPO, time at risk. All from one clock.
//
// The phases are those of the story's first upheaval, up to the fail-back. What is measured is what clients and the
// procedure saw: the outage from acknowledgements, the steps from the procedure's spans. What is not: the moment at
// which a server itself noticed something.
package timing

import (
	"strconv"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Of is the phases of a run. A run without an outage has none: it is not made up from the load's own pauses
// (history.Run.Outage says what counts).
func Of(run *history.Run) history.Phases {
	phases := history.Phases{Outage: run.Outage(), Loss: loss(run)}
	episode, ok := run.Episode()
	if !ok {
		return phases
	}
	spans := within(run, episode)
	phases.Fault = fault(spans, phases.Outage)
	phases.Detected = end(spans, history.SpanDetect)
	if promote, ok := first(spans, history.SpanPromote); ok {
		phases.Asked, phases.Promoted = &promote.Start, end(spans, history.SpanPromote)
	}
	phases.FirstAck = firstAck(run, phases)
	phases.OldStopped = end(spans, history.SpanFence)
	wayBack(&phases, spans)
	began := episode.From
	if phases.Fault != nil {
		began = *phases.Fault
	}
	phases.AtRisk = atRisk(run, phases, began, spans)
	return phases
}

// within is the spans that began in the episode.
func within(run *history.Run, episode history.Window) []history.Span {
	var spans []history.Span
	for _, span := range run.Named(history.SpanFault, history.SpanDetect, history.SpanFence, history.SpanPromote, history.SpanRejoin,
		history.SpanRewind, history.SpanRebuild, history.SpanStart, history.SpanStream, history.SpanCatchUp) {
		if span.Start >= episode.From && span.Start < episode.To {
			spans = append(spans, span)
		}
	}
	return spans
}

// fault is when the first fault took effect. It is recorded when that was certain; if writes had stopped before, then it was
// when they stopped, but not before it was asked for.
func fault(spans []history.Span, outage *history.Window) *time.Duration {
	span, ok := first(spans, history.SpanFault)
	if !ok {
		return nil
	}
	at := span.Start
	if outage != nil && outage.From < at {
		at = max(outage.From, span.Since())
	}
	return &at
}

func first(spans []history.Span, name string) (history.Span, bool) {
	for _, span := range spans {
		if span.Name == name {
			return span, true
		}
	}
	return history.Span{}, false
}

// end is when the first span of a name was over; nil if there is none or it did not succeed.
func end(spans []history.Span, name string) *time.Duration {
	for _, span := range spans {
		if span.Name == name && span.Err == "" {
			return &span.End
		}
	}
	return nil
}

// firstAck is the acknowledgement that ended the outage, or without one the first on a newer timeline.
func firstAck(run *history.Run, phases history.Phases) *time.Duration {
	if phases.Outage == nil && phases.Asked == nil {
		return nil
	}
	var old pg.Timeline
	for _, op := range run.Acknowledged() {
		switch {
		case phases.Outage != nil && op.Return >= phases.Outage.To:
			return &op.Return
		case phases.Outage != nil:
		case op.Return < *phases.Asked:
			old = max(old, op.Timeline)
		case op.Timeline > old && old != 0:
			return &op.Return
		}
	}
	return nil
}

// wayBack is how the old primary returned.
func wayBack(phases *history.Phases, spans []history.Span) {
	// A refused rewind has no error either: it says that the node has to be rebuilt.
	if rewind, ok := first(spans, history.SpanRewind); ok && rewind.Err == "" && rewind.Values["how"] != "rebuild" {
		phases.Rewind = &history.Window{From: rewind.Start, To: rewind.End}
		phases.RewindBytes, _ = strconv.ParseInt(rewind.Values["bytes"], 10, 64)
	}
	if rebuild, ok := first(spans, history.SpanRebuild); ok && rebuild.Err == "" {
		phases.Rebuild = &history.Window{From: rebuild.Start, To: rebuild.End}
	}
	phases.Started = end(spans, history.SpanStart)
	phases.Streaming = end(spans, history.SpanStream)
	phases.CaughtUp = end(spans, history.SpanCatchUp)
}
