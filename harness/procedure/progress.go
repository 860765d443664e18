package procedure

import (
	"regexp"
	"strconv"
	"strings"
)

// Progress is what pg_rewind and pg_basebackup print with --progress, in bytes. They print a line a second at most,
// separated by carriage returns when they write to a terminal.
type Progress struct {
	Done  int64
	Total int64
}

// "  1234/56789 kB (2%) copied" (pg_rewind), "  1234/56789 kB (2%), 0/1 tablespace" (pg_basebackup; the total of the
// latter is an estimate that grows). PostgreSQL's sources: progress_report in src/bin/pg_rewind and src/bin/pg_basebackup.
var progressLine = regexp.MustCompile(`^\s*(\d{1,15})/(\d{1,15}) kB \(\d+%\)`)

// ParseProgress is the last progress line in what the program has printed; false if there is none yet.
func ParseProgress(output string) (Progress, bool) {
	var last Progress
	found := false
	for _, line := range lines(output) {
		match := progressLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		done, errDone := strconv.ParseInt(match[1], 10, 64)
		total, errTotal := strconv.ParseInt(match[2], 10, 64)
		if errDone == nil && errTotal == nil {
			last, found = Progress{Done: done * 1024, Total: total * 1024}, true
		}
	}
	return last, found
}

var neededLine = regexp.MustCompile(`need to copy (\d{1,12}) MB \(total source directory size is (\d{1,12}) MB\)`)

// ParseNeeded is how many bytes pg_rewind said it needs to copy, rounded by it to MB; false if it has not said so yet.
func ParseNeeded(output string) (int64, bool) {
	match := neededLine.FindStringSubmatch(output)
	if match == nil {
		return 0, false
	}
	megabytes, err := strconv.ParseInt(match[1], 10, 64)
	return megabytes << 20, err == nil
}

// NoRewindRequired says that pg_rewind found nothing to do: the target had not diverged from the source.
func NoRewindRequired(output string) bool { return strings.Contains(output, "no rewind required") }

var (
	divergedLine  = regexp.MustCompile(`servers diverged at WAL location ([0-9A-F]{1,8}/[0-9A-F]{1,8}) on timeline (\d{1,10})`)
	rewindingLine = regexp.MustCompile(`rewinding from last common checkpoint at ([0-9A-F]{1,8}/[0-9A-F]{1,8}) on timeline (\d{1,10})`)
)

// ParseRewound is where the histories part and the checkpoint from which pg_rewind rewinds, as it prints them.
func ParseRewound(output string) (diverged, checkpoint string) {
	if match := divergedLine.FindStringSubmatch(output); match != nil {
		diverged = match[1]
	}
	if match := rewindingLine.FindStringSubmatch(output); match != nil {
		checkpoint = match[1]
	}
	return diverged, checkpoint
}

// Refusal is why pg_rewind did not do it, in its own words: its error and fatal lines, joined. If it printed none (it was
// killed), the last line that it did print, or "" if there is none.
func Refusal(output string) string {
	var errors []string
	last := ""
	for _, line := range lines(output) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		last = line
		for _, mark := range []string{"error: ", "fatal: ", "detail: "} {
			if _, words, found := strings.Cut(line, mark); found && strings.HasPrefix(line, "pg_") {
				errors = append(errors, words)
				break
			}
		}
	}
	if len(errors) == 0 {
		return last
	}
	return strings.Join(errors, "; ")
}

func lines(output string) []string {
	return strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' })
}
