package reports

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// style says how text for people may be dressed. Colour only repeats what a word already says.
type style struct {
	color bool
	live  bool // lines may be rewritten
	width int  // characters in a line; 0: not limited
}

// Colour says whether text written to out may be coloured: on a terminal, without NO_COLOR.
func Colour(out io.Writer) bool { return styleOf(out).color }

// styleOf is plain unless out is a terminal; NO_COLOR (no-color.org) and TERM=dumb are respected.
func styleOf(out io.Writer) style {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return style{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		width = 80
	}
	return style{color: os.Getenv("NO_COLOR") == "", live: os.Getenv("CI") == "", width: width}
}

const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s style) paint(code, text string) string {
	if !s.color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) status(status history.Status, text string) string {
	switch status {
	case history.Pass:
		return s.paint(green, text)
	case history.Fail:
		return s.paint(red, text)
	case Skipped:
		return s.paint(faint, text)
	}
	return s.paint(yellow, text)
}
