package shell

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Quote makes one word of any text that a POSIX shell reads back as it is. A NUL cannot be in a word: Run refuses it.
func Quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Echo is a script fragment that writes content, of any bytes, to standard output: printf's %b takes octal escapes, so that
// NUL and everything else outside printable ASCII goes through every shell alike.
func Echo(content []byte) string {
	const most = 32 << 10 // bytes a word: where printf is no builtin, a word may have 128 KiB
	var out strings.Builder
	for first := true; first || len(content) > 0; first = false {
		n := min(most, len(content))
		out.WriteString("printf '%b' '")
		for _, b := range content[:n] {
			if b >= ' ' && b < 0x7f && b != '\'' && b != '\\' {
				out.WriteByte(b)
			} else {
				fmt.Fprintf(&out, `\0%03o`, b)
			}
		}
		out.WriteString("'\n")
		content = content[n:]
	}
	return out.String()
}

// frame is what is sent for one call: the script in a subshell of its own, between the two words on both outputs.
func frame(begin, end, script string, args []string) (string, error) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = Quote(arg)
	}
	body := Quote("\n" + script) // the newline: so that no script looks like an option of eval
	if strings.ContainsRune(script, 0) || strings.ContainsRune(strings.Join(args, ""), 0) {
		return "", errors.New("shell: a NUL byte cannot be in a script or an argument")
	}
	begin, end = Quote(begin), Quote(end)
	return fmt.Sprintf("echo %s; echo %s >&2; (set -- %s; eval %s) </dev/null; printf '\\n%%s %%s\\n' %s $?; printf '\\n%%s 0\\n' %s >&2\n",
		begin, begin, strings.Join(words, " "), body, end, end), nil
}

// title is how errors call a script: its first line, without arguments, which may be secret.
func title(script string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(script), "\n")
	if len(line) > 80 {
		line = line[:80] + "..."
	}
	return line
}

// catcher finds what stands between the two words in one of the outputs. What stands before the first one was written
// by something that an earlier script left in the background: it is dropped.
type catcher struct {
	begin, end string
	seen       []byte
	started    bool
	looked     int // seen[:looked] holds no end word
	done       bool
	body       []byte
	code       int
}

func (c *catcher) take(from io.Reader, n int64) error {
	start := len(c.seen)
	c.seen = append(c.seen, make([]byte, n)...)
	if _, err := io.ReadFull(from, c.seen[start:]); err != nil {
		return err
	}
	return c.look()
}

func (c *catcher) look() error {
	if c.done {
		return nil
	}
	if !c.started {
		at := bytes.Index(c.seen, []byte(c.begin+"\n"))
		if at < 0 {
			return nil
		}
		c.started, c.seen = true, c.seen[at+len(c.begin)+1:]
	}
	mark := []byte("\n" + c.end + " ")
	at := bytes.Index(c.seen[c.looked:], mark)
	if at < 0 {
		c.looked = max(0, len(c.seen)-len(mark))
		return nil
	}
	at += c.looked
	line, _, whole := bytes.Cut(c.seen[at+len(mark):], []byte("\n"))
	if !whole {
		return nil
	}
	code, err := strconv.Atoi(string(line))
	c.body, c.code, c.done = c.seen[:at], code, true
	return err
}
