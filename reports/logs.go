package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// nodeLog is what a node's log says around the moments that matter.
type nodeLog struct {
	Node, File string
	Lines      []logLine
	Left       int // lines elsewhere
	Note       string
}

type logLine struct {
	At   string // on the run's clock; empty if the line has no moment of its own
	Text string
	Bad  bool // PANIC or FATAL
}

const (
	aroundLog   = time.Second
	mostLog     = 200 // lines a file
	mostLogFile = 256 << 20
	mostLogs    = 12
)

// readLogs reads nodes/<name>/*.log of a run's folder.
func readLogs(dir string, run *history.Run, around []time.Duration) []nodeLog {
	var logs []nodeLog
	root := os.DirFS(filepath.Join(dir, "nodes"))
	files, err := fs.Glob(root, "*/*.log")
	if err != nil {
		return nil
	}
	for _, path := range files[:min(len(files), mostLogs)] {
		log := nodeLog{Node: line(strings.SplitN(path, "/", 2)[0]), File: "nodes/" + line(path)}
		file, err := root.Open(path)
		if err != nil {
			log.Note = "not readable: " + Clean(err.Error())
			logs = append(logs, log)
			continue
		}
		log.read(io.LimitReader(file, mostLogFile), run, around)
		_ = file.Close() // it was only read
		logs = append(logs, log)
	}
	return logs
}

// read keeps the lines around the moments, and the last lines if none has a moment.
func (l *nodeLog) read(from io.Reader, run *history.Run, around []time.Duration) {
	in := bufio.NewReaderSize(from, 1<<16)
	var tail []logLine
	shown, dated := false, false
	for {
		text, err := readLine(in)
		if text != "" {
			one := logLine{Text: Cut(text, 500), Bad: strings.Contains(text, "FATAL:") || strings.Contains(text, "PANIC:")}
			if at, ok := logMoment(run, text); ok {
				one.At, dated = clock(at), true
				shown = slices.ContainsFunc(around, func(m time.Duration) bool { return at >= m-aroundLog && at <= m+aroundLog })
			}
			l.keep(one, shown)
			tail = append(tail[max(0, len(tail)-mostLog+1):], one)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			l.Note = "not read to its end: " + Clean(err.Error())
			break
		}
	}
	if !dated && len(tail) > 0 {
		l.Left, l.Lines, l.Note = l.Left+len(l.Lines)-len(tail), tail, "no line has a moment that could be put on the run's clock; these are the last"
	}
}

func (l *nodeLog) keep(one logLine, shown bool) {
	if shown && len(l.Lines) < mostLog {
		l.Lines = append(l.Lines, one)
		return
	}
	l.Left++
}

// readLine reads a line of any length and keeps its beginning.
func readLine(in *bufio.Reader) (string, error) {
	var kept []byte
	for {
		part, err := in.ReadSlice('\n')
		kept = append(kept, part[:min(len(part), max(0, 4096-len(kept)))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return strings.TrimRight(string(kept), "\r\n"), err
		}
	}
}

// logMoment finds the moment with which a line begins (log_line_prefix %m) and puts it on the run's clock.
func logMoment(run *history.Run, text string) (time.Duration, bool) {
	found := logStamp.FindString(text)
	if found == "" || run.Began.IsZero() {
		return 0, false
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999 MST", "2006-01-02 15:04:05.999999 -07"} {
		if t, err := time.Parse(layout, found); err == nil {
			return t.Sub(run.Began), true
		}
	}
	return 0, false
}

var logStamp = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? ([A-Z]{3,5}|[+-]\d\d)`)

// Title says how much of the file is shown.
func (l nodeLog) Title() string {
	return fmt.Sprintf("%s: %s shown, %s elsewhere in the file", l.File, count(len(l.Lines), "line"), Number(l.Left))
}
