package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// explained is for how long after something was done to the pair a FATAL line of a condition is explained by it. They are
// the conditions with which PostgreSQL ends a session or refuses one because somebody stopped, killed or started a server,
// or cut a link (documentation, "PostgreSQL Error Codes"); all others, and these when all is calm, are findings.
func explained(state string) (patience time.Duration, ok bool) {
	switch state {
	case "57P01", // admin_shutdown: a session or the WAL receiver ended because the server stops
		"57P02",                                     // crash_shutdown: another process of the server was killed
		"57P03",                                     // cannot_connect_now: starting up, shutting down, in recovery
		"08000", "08001", "08003", "08004", "08006", // the peer cannot be reached or went away
		"08P01": // protocol_violation: how the WAL receiver reports a stream that broke off or cannot start yet
		return 10 * time.Second, true // the receiver tries again every 5 s (wal_retrieve_retry_interval)
	case "57014": // query_canceled: FATAL only for a session that was told to end, or took too long, while it logged in (postgres.c, ProcessInterrupts)
		return 70 * time.Second, true // authentication_timeout is a minute
	}
	return 0, false
}

// corrupted are the conditions that no story explains.
func corrupted(state string) bool {
	return state == "XX001" || state == "XX002" || state == "58030" // data_corrupted, index_corrupted, io_error
}

// logs asks whether the servers' own logs have a PANIC, damage, or a FATAL that the story does not explain.
func logs(run *history.Run) history.Verdict {
	calm := calmness(run)
	explainedLines := 0
	verdict := each(run, func(node *history.NodeState) (wrong []string, blind string) {
		if node.LogLines == 0 {
			return nil, "its log was not read"
		}
		for _, line := range node.Log {
			patience, known := explained(line.State)
			told := fmt.Sprintf("%s %s %s: %s", line.At, line.Level, line.State, line.Text)
			switch {
			case line.Level == "PANIC" || corrupted(line.State) || line.Level == "FATAL" && !known:
				wrong = append(wrong, told)
			case line.Level != "FATAL":
			default:
				moment, ok := onClock(run, line.At)
				switch {
				case !ok:
					blind = fmt.Sprintf("when a line of its log was written cannot be told (%s)", line.At)
				case calm(moment, patience):
					wrong = append(wrong, told)
				default:
					explainedLines++
				}
			}
		}
		return wrong, blind
	})
	return saying(verdict, "No PANIC and no FATAL in the logs that the story does not explain (%d it does).", explainedLines)
}

// calmness says of a moment whether nothing was being done to the pair. Before the load the pair is built, after it
// nodes may be stopped to look at their files.
func calmness(run *history.Run) func(moment, patience time.Duration) bool {
	load := run.LoadWindow()
	spans := run.Named(history.SpanFault, history.SpanRevert, history.SpanFailover, history.SpanSwitch, history.SpanFence, history.SpanPromote,
		history.SpanRejoin, history.SpanRewind, history.SpanRebuild, history.SpanStart, history.SpanStream, history.SpanCatchUp, history.SpanFailback)
	return func(moment, patience time.Duration) bool {
		if moment < load.From || moment > load.To {
			return false
		}
		for _, span := range spans {
			if moment >= span.Since()-time.Second && moment <= span.End+patience {
				return false
			}
		}
		return true
	}
}

// onClock puts a moment of a log (log_line_prefix %m, or RFC 3339) on the run's clock.
func onClock(run *history.Run, text string) (time.Duration, bool) {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999 MST", "2006-01-02 15:04:05.999999999Z07", time.RFC3339Nano} {
		if moment, err := time.Parse(layout, strings.TrimSpace(text)); err == nil && !run.Began.IsZero() {
			return moment.Sub(run.Began), true
		}
	}
	return 0, false
}
