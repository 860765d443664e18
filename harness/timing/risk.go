package timing

import (
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// atRisk is the time with one good copy only. If the role moved: from the first disturbance until a standby streams again,
// or to the end of the load if none ever did. If it did not: from the fault until a standby has received what the primary
// had written when the fault ended; nil if none fell behind.
func atRisk(run *history.Run, phases history.Phases, began time.Duration, spans []history.Span) *history.Window {
	switch {
	case phases.Streaming != nil:
		return &history.Window{From: began, To: *phases.Streaming}
	case phases.Promoted != nil:
		return &history.Window{From: began, To: max(began, run.LoadWindow().To)}
	}
	for _, fault := range spans {
		if fault.Name != history.SpanFault {
			continue
		}
		if to, ok := caughtUp(run, fault.End); ok {
			return &history.Window{From: min(began, fault.Start), To: to}
		}
	}
	return nil
}

// caughtUp is when the first probe saw a standby that has everything which the primary had written at a moment. ok is
// false if no standby was behind then, or none ever had it.
func caughtUp(run *history.Run, moment time.Duration) (at time.Duration, ok bool) {
	written, received := pg.LSN(0), make(map[string]pg.LSN)
	for i := range run.Samples {
		switch s := &run.Samples[i]; {
		case !s.Up || s.At > moment:
		case s.InRecovery:
			received[s.Node] = max(received[s.Node], s.Write)
		default:
			written = max(written, s.Write)
		}
	}
	for i := range run.Samples {
		s := &run.Samples[i]
		behind, known := received[s.Node]
		if s.Up && s.InRecovery && s.At > moment && known && behind < written && s.Write >= written && (!ok || s.At < at) {
			at, ok = s.At, true
		}
	}
	return at, ok
}
