package wire

import (
	"bytes"
	"strconv"
)

// MaxDatagram is the largest size that Send makes: below every usual MTU, so that nothing is fragmented.
const MaxDatagram = 1400

// Datagram is what is sent over a link to probe it: the nonce, its number, and padding up to size, each on a line.
func Datagram(nonce string, number, size int) []byte {
	text := append([]byte(nonce), '\n')
	text = append(strconv.AppendInt(text, int64(number), 10), '\n')
	if len(text) < size {
		text = append(text, bytes.Repeat([]byte{'.'}, size-len(text))...)
	}
	return text
}

// ReadDatagram is the reverse of Datagram. A stranger's datagram is not ok.
func ReadDatagram(text []byte) (nonce string, number int, ok bool) {
	first, rest, ok := bytes.Cut(text, []byte{'\n'})
	if !ok || len(first) == 0 || len(first) > 64 {
		return "", 0, false
	}
	second, _, ok := bytes.Cut(rest, []byte{'\n'})
	number, err := strconv.Atoi(string(second))
	return string(first), number, ok && err == nil
}

// Arrivals counts the datagrams of one nonce.
type Arrivals struct {
	Count int
	Late  int // came after one with a higher number
	last  int
}

// Add counts one.
func (a *Arrivals) Add(number int) {
	if a.Count > 0 && number < a.last {
		a.Late++
	}
	a.Count++
	a.last = max(a.last, number)
}
