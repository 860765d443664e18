package pg

import (
	"fmt"
	"strconv"
	"strings"
)

// Ancestor is a line of a timeline's history file: a timeline that was left, and where.
type Ancestor struct {
	Timeline Timeline
	Switch   LSN    // the switch point: where the next timeline begins
	Reason   string // in PostgreSQL's words
}

// ParseAncestry reads a history file (documentation, "Timelines"; the format is that of readTimeLineHistory in
// src/backend/access/transam/timeline.c): lines of timeline, switch point and reason, oldest first; # begins a comment.
// An error names the line.
func ParseAncestry(text string) ([]Ancestor, error) {
	var found []Ancestor
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return nil, fmt.Errorf("history file, line %d: %q: want a timeline and its switch point", number+1, line)
		}
		timeline, err := strconv.ParseUint(fields[0], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("history file, line %d: timeline %q: %w", number+1, fields[0], err)
		}
		at, err := ParseLSN(fields[1])
		if err != nil {
			return nil, fmt.Errorf("history file, line %d: %w", number+1, err)
		}
		if n := len(found); n > 0 && Timeline(timeline) <= found[n-1].Timeline {
			return nil, fmt.Errorf("history file, line %d: timeline %d does not follow %d", number+1, timeline, found[n-1].Timeline)
		}
		found = append(found, Ancestor{Timeline(timeline), at, strings.Join(fields[2:], " ")})
	}
	return found, nil
}
