package pg

import (
	"fmt"
	"strconv"
	"strings"
)

// ControlData is what pg_controldata prints, by label, with the fields that the harness uses.
type ControlData struct {
	State       string            // Database cluster state
	System      string            // Database system identifier
	Timeline    Timeline          // Latest checkpoint's TimeLineID
	Checkpoint  LSN               // Latest checkpoint location
	MinRecovery LSN               // Minimum recovery ending location
	Fields      map[string]string // everything
}

// Labels of pg_controldata's lines, the same from PostgreSQL 15 to 18. They are translated: run it with LC_ALL=C.
const (
	labelState       = "Database cluster state"
	labelSystem      = "Database system identifier"
	labelTimeline    = "Latest checkpoint's TimeLineID"
	labelCheckpoint  = "Latest checkpoint location"
	labelMinRecovery = "Minimum recovery ending location"
)

// ParseControlData reads the output of pg_controldata. A field that the harness uses and that is missing or not well-formed
// is an error that names it.
func ParseControlData(text string) (ControlData, error) {
	c := ControlData{Fields: map[string]string{}}
	for line := range strings.Lines(text) {
		label, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if found {
			c.Fields[label] = strings.TrimSpace(value)
		}
	}
	for _, label := range []string{labelState, labelSystem, labelTimeline, labelCheckpoint, labelMinRecovery} {
		if c.Fields[label] == "" {
			return ControlData{}, fmt.Errorf("pg_controldata: no %q", label)
		}
	}
	c.State, c.System = c.Fields[labelState], c.Fields[labelSystem]
	timeline, err := strconv.ParseUint(c.Fields[labelTimeline], 10, 32)
	if err != nil {
		return ControlData{}, fmt.Errorf("pg_controldata: %s: %w", labelTimeline, err)
	}
	c.Timeline = Timeline(timeline)
	if c.Checkpoint, err = ParseLSN(c.Fields[labelCheckpoint]); err != nil {
		return ControlData{}, fmt.Errorf("pg_controldata: %s: %w", labelCheckpoint, err)
	}
	if c.MinRecovery, err = ParseLSN(c.Fields[labelMinRecovery]); err != nil {
		return ControlData{}, fmt.Errorf("pg_controldata: %s: %w", labelMinRecovery, err)
	}
	return c, nil
}
