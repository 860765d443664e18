package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// decoder reads lines. Those that appendOp wrote it reads itself, which takes a tenth of the time of encoding/json;
// whatever looks different in any way it leaves to encoding/json.
type decoder struct {
	text  []byte // what is left of the line
	bad   bool   // not as appendOp writes it
	words map[string]string
	accs  []Access // room for accesses and numbers, taken in pieces
	nums  []int64
}

// mostWords bounds the memory of words, in which texts that repeat (nodes, kinds, keys) are kept once.
const mostWords = 1 << 12

// line reads one line, without its newline, into the run.
func (d *decoder) line(text []byte, into *Run) error {
	into.Ops = append(into.Ops, Op{}) // read in place: an Op is large
	last := len(into.Ops) - 1
	if d.op(text, &into.Ops[last]) {
		return nil
	}
	into.Ops = into.Ops[:last]
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	kinds := 0
	for _, there := range []bool{l.Op != nil, l.Span != nil, l.Sample != nil, l.Final != nil} {
		if there {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return errors.New("want one of op, span, sample, final")
	case l.Op != nil:
		into.Ops = append(into.Ops, *l.Op)
	case l.Span != nil:
		into.Spans = append(into.Spans, *l.Span)
	case l.Sample != nil:
		into.Samples = append(into.Samples, *l.Sample)
	case l.Final != nil:
		into.Final = append(into.Final, *l.Final)
	}
	return nil
}

// op reads an operation's line; false: encoding/json is to read it, and op is worth nothing.
func (d *decoder) op(text []byte, op *Op) bool {
	d.text, d.bad = text, false
	if !d.skip(`{"op":{`) {
		return false
	}
	d.fields(op)
	return d.skip(`}}`) && len(d.text) == 0 && !d.bad
}

// fields reads the fields in the order in which they are written.
func (d *decoder) fields(op *Op) {
	if d.skip(`"load":`) {
		op.Workload = d.word()
		d.want(`,`)
	}
	op.Client = int(d.named(`"client":`))
	op.Seq = int(d.named(`,"seq":`))
	d.want(`,"kind":`)
	op.Kind = Kind(d.word())
	if d.skip(`,"key":`) {
		op.Key = d.word()
	}
	if d.skip(`,"token":`) {
		op.Token = string(d.string())
	}
	if d.skip(`,"node":`) {
		op.Node = d.word()
	}
	if d.skip(`,"tli":`) {
		op.Timeline = d.timeline()
	}
	if d.skip(`,"lsn":`) {
		op.LSN = d.lsn()
	}
	if d.skip(`,"isolation":`) {
		op.Isolation = d.word()
	}
	op.Scheduled = time.Duration(d.named(`,"scheduled":`))
	op.Call = time.Duration(d.named(`,"call":`))
	op.Return = time.Duration(d.named(`,"return":`))
	d.want(`,"outcome":`)
	d.outcome(op)
	d.rest(op)
}

// rest reads the fields that come after the outcome.
func (d *decoder) rest(op *Op) {
	if d.skip(`,"sqlstate":`) {
		op.SQLState = d.word()
	}
	if d.skip(`,"err":`) {
		op.Err = d.word()
	}
	if d.skip(`,"txn":[`) {
		op.Txn = d.txn()
	}
	if d.skip(`,"session":`) {
		op.Session = int(d.number())
	}
	op.Standby = d.skip(`,"standby":true`)
}

func (d *decoder) txn() []Access {
	from := len(d.accs)
	for more := true; more && !d.bad; more = d.skip(`,`) {
		d.want(`{`)
		var a Access
		if d.skip(`"w":true,`) {
			a.Write = true
		}
		d.want(`"k":`)
		a.Key = d.word()
		if d.skip(`,"v":`) {
			a.Value = d.number()
		}
		if d.skip(`,"list":[`) {
			a.List = d.list()
		}
		if d.skip(`,"ver":`) {
			a.Version = d.number()
		}
		if d.skip(`,"sql":`) {
			a.SQL = d.word()
		}
		d.want(`}`)
		d.accs, from = room(d.accs, from)
		d.accs = append(d.accs, a)
	}
	d.want(`]`)
	return d.accs[from:len(d.accs):len(d.accs)]
}

func (d *decoder) list() []int64 {
	from := len(d.nums)
	for more := true; more && !d.bad; more = d.skip(`,`) {
		d.nums, from = room(d.nums, from)
		d.nums = append(d.nums, d.number())
	}
	d.want(`]`)
	return d.nums[from:len(d.nums):len(d.nums)]
}

// room makes sure that one more fits without moving what was handed out: a new piece begins with what was begun at from.
func room[T any](piece []T, from int) ([]T, int) {
	if len(piece) < cap(piece) {
		return piece, from
	}
	const size = 1 << 12
	next := make([]T, 0, max(size, 2*(len(piece)-from)+1))
	return append(next, piece[from:]...), 0
}

func (d *decoder) skip(text string) bool {
	if len(d.text) < len(text) || string(d.text[:len(text)]) != text {
		return false
	}
	d.text = d.text[len(text):]
	return true
}

func (d *decoder) want(text string) { d.bad = !d.skip(text) || d.bad }

func (d *decoder) named(name string) int64 {
	d.want(name)
	return d.number()
}

// number reads a whole number of at most 18 digits.
func (d *decoder) number() int64 {
	negative := d.skip(`-`)
	var value int64
	i := 0
	for ; i < len(d.text) && d.text[i]-'0' <= 9; i++ {
		value = value*10 + int64(d.text[i]-'0')
	}
	if i == 0 || i > 18 || i > 1 && d.text[0] == '0' || negative && value == 0 {
		d.bad = true
	}
	d.text = d.text[min(i, len(d.text)):]
	if negative {
		return -value
	}
	return value
}

func (d *decoder) timeline() pg.Timeline {
	value := d.number()
	if value < 0 || value > 1<<32-1 {
		d.bad = true
	}
	return pg.Timeline(value) //nolint:gosec // bounded above
}

// string reads a string in which every byte stands for itself.
func (d *decoder) string() []byte {
	d.want(`"`)
	for i, c := range d.text {
		if c == '"' {
			text := d.text[:i]
			d.text = d.text[i+1:]
			return text
		}
		if !plain[c] {
			break
		}
	}
	d.bad = true
	return nil
}

// word reads a string that is likely to have been there before.
func (d *decoder) word() string {
	text := d.string()
	if word, known := d.words[string(text)]; known {
		return word
	}
	word := string(text)
	if len(d.words) < mostWords {
		d.words[word] = word
	}
	return word
}

func (d *decoder) lsn() pg.LSN {
	text := d.string()
	high, low, found := bytes.Cut(text, []byte("/"))
	if !found {
		d.bad = true
	}
	return pg.LSN(d.hex(high)<<32 | d.hex(low))
}

func (d *decoder) hex(text []byte) (value uint64) {
	if len(text) == 0 || len(text) > 8 {
		d.bad = true
	}
	for _, c := range text {
		switch {
		case c-'0' <= 9:
			value = value<<4 | uint64(c-'0')
		case c >= 'A' && c <= 'F':
			value = value<<4 | uint64(c-'A'+10)
		default:
			d.bad = true
		}
	}
	return value
}

func (d *decoder) outcome(op *Op) {
	for _, known := range []Outcome{OK, Failed, Unknown, LocalOnly} {
		if word := known.String(); len(d.text) > len(word)+1 && d.text[0] == '"' && string(d.text[1:len(word)+1]) == word && d.text[len(word)+1] == '"' {
			op.Outcome = known
			d.text = d.text[len(word)+2:]
			return
		}
	}
	d.bad = true
}
