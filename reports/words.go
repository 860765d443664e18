package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Duration writes d as people read it: 0.42 ms, 181 ms, 1.73 s, 84.2 s. Three digits, never more than was measured.
func Duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	switch {
	case d == 0:
		return "0 ms"
	case d < time.Millisecond:
		return sign + digits(float64(d)/1e6) + " ms"
	case d.Round(time.Millisecond) < time.Second:
		return fmt.Sprintf("%s%d ms", sign, d.Round(time.Millisecond).Milliseconds())
	}
	return sign + digits(d.Seconds()) + " s"
}

// Seconds writes a measured number of seconds like Duration.
func Seconds(s float64) string { return Duration(time.Duration(math.Round(s * 1e9))) }

// digits gives three significant digits, and all of those before the point.
func digits(x float64) string {
	switch {
	case x < 9.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 99.95:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// Bytes writes a size in decimal units, as pg_rewind's and the disks' makers count: 16.8 MB.
func Bytes(n int64) string {
	size, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	unit := 0
	for size >= 999.5 && unit < len(units)-1 {
		size /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return digits(size) + " " + units[unit]
}

// Number writes n with commas between thousands.
func Number(n int) string {
	text := strconv.Itoa(n)
	from := 0
	if n < 0 {
		from = 1
	}
	for i := len(text) - 3; i > from; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// longest is how much of a text from elsewhere a report shows in one place.
const longest = 2000

// Clean makes a text from elsewhere harmless to show: control characters (a terminal would obey them) and characters that
// turn the direction of writing become visible signs, and beyond some length it is cut, saying how much was left out.
func Clean(text string) string { return Cut(text, longest) }

// Cut is Clean with a length of the caller's choice, in characters.
func Cut(text string, most int) string {
	var b strings.Builder
	shown := 0
	for i, r := range text {
		if shown == most {
			fmt.Fprintf(&b, "… (%s bytes more)", Number(len(text)-i))
			break
		}
		b.WriteRune(harmless(r))
		shown++
	}
	return b.String()
}

// harmless is what is shown in place of r. Control characters get their picture (U+2400 and following).
func harmless(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return ' '
	case r < 0x20:
		return 0x2400 + r
	case r == 0x7f:
		return '\u2421'
	case unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r):
		return '\ufffd'
	case unicode.IsControl(r):
		return '\ufffd'
	}
	return r
}

// line is a text from elsewhere on one line and in few characters, for tables.
func line(text string) string { return Cut(text, 120) }

// capital makes the first letter of a text a big one.
func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// clock is a moment of the run's clock: seconds since the run began, to the millisecond.
func clock(at time.Duration) string { return fmt.Sprintf("%.3f s", at.Seconds()) }
