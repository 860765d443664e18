package fault

import (
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// recordBegin marks the moment in the history at once, so that a run whose tester dies still says what was in effect.
// A momentary fault is over with it: its span is recorded now.
func (in *Injected) recordBegin() {
	at := in.runner.Recorder.At(in.began)
	if in.composed() {
		return // its parts say what is in effect
	}
	if _, over := in.Active.(Momentary); over {
		in.recordFault(in.runner.Recorder.At(time.Now()), nil)
		return
	}
	in.runner.Recorder.Span(history.Span{
		Name: history.SpanMark, Node: list(in.Bound.Targets()), Detail: "fault in effect: " + in.Bound.String(),
		Start: at, End: at, Values: in.Evidence.values(),
	})
}

// recordEnd records the fault's span, from effect to healed, and that of its revert, from asked to seen to be gone.
func (in *Injected) recordEnd(asked time.Time, evidence Evidence, err error) {
	if in.composed() {
		in.recordComposition(err)
		return
	}
	healed := evidence.At
	if healed.IsZero() {
		healed = time.Now()
	}
	in.healed = healed
	recorder := in.runner.Recorder
	if _, over := in.Active.(Momentary); !over {
		in.recordFault(recorder.At(healed), err)
	}
	values := evidence.values()
	values["healed"] = recorder.At(healed).String()
	span := history.Span{
		Name: history.SpanRevert, Node: list(in.Bound.Targets()), Detail: in.Bound.String(),
		Start: recorder.At(asked), End: recorder.Now(), Values: values,
	}
	if err != nil {
		span.Err = err.Error()
	}
	recorder.Span(span)
}

// SpanComposition is the span of a composition; the spans of its parts are those of faults.
const SpanComposition = "composition"

func (in *Injected) composed() bool {
	_, composed := in.Active.(*playing)
	return composed
}

func (in *Injected) recordComposition(err error) {
	span := history.Span{
		Name: SpanComposition, Detail: in.Bound.String(), Start: in.runner.Recorder.At(in.began), End: in.runner.Recorder.Now(),
		Values: in.Evidence.values(),
	}
	span.Values[history.ValueAsked] = in.runner.Recorder.At(in.asked).String()
	if err != nil {
		span.Err = err.Error()
	}
	in.runner.Recorder.Span(span)
}

func (in *Injected) recordFault(end time.Duration, err error) {
	span := history.Span{
		Name: history.SpanFault, Node: list(in.Bound.Targets()), Detail: in.Bound.String(),
		Start: in.runner.Recorder.At(in.began), End: end, Values: in.Evidence.values(),
	}
	span.Values[history.ValueAsked] = in.runner.Recorder.At(in.asked).String()
	if err != nil {
		span.Err = err.Error()
	}
	in.runner.Recorder.Span(span)
}
