package inspect

import (
	"context"
	"regexp"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// files reads what needs no running server: the log and pg_controldata.
func (r *reader) files(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	text, err := r.node.Log(ctx, 0)
	r.note("log", err)
	r.state.Log, r.state.LogLines = complaints(text)
	control, err := r.node.ControlData(ctx)
	r.note("control data", err)
	r.state.ControlData = control.Fields
}

// A line begins with log_line_prefix '%m [%p] %e ': the time, the process, the SQLSTATE. Then comes the level.
var logLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \S+) \[\d+\] ([0-9A-Z]{5}) ([A-Z0-9]+):\s+(.*)$`)

// complaints are the lines of level FATAL and PANIC, and the errors that tell of damage (classes 58 and XX, system and
// internal errors), of a log of so many lines.
func complaints(text string) (found []history.LogLine, lines int) {
	for line := range strings.Lines(text) {
		lines++
		part := logLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if part == nil {
			continue
		}
		state, level := part[2], part[3]
		damage := level == "ERROR" && (strings.HasPrefix(state, "58") || strings.HasPrefix(state, "XX"))
		if level == "FATAL" || level == "PANIC" || damage {
			found = append(found, history.LogLine{At: part[1], Level: level, State: state, Text: part[4]})
		}
	}
	return found, lines
}
