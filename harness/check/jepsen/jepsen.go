// Package jepsen writes a history in the shape of Jepsen's own, in EDN or JSON, so that elle-cli and other checkers of that
// family can judge a run too (https://github.com/ligurio/elle-cli; https://github.com/jepsen-io/history).
//
// Each operation becomes an invocation and a completion: ok, fail, or info where the outcome is unknown. LocalOnly is ok: the
// client was told that it was committed. As Jepsen demands, a process never goes on after an info: the client's next operation
// is of a new process.
package jepsen

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Model is how elle-cli's option -m names what a history holds.
type Model string

// The models that are exported.
const (
	ListAppend Model = "list-append"
	RWRegister Model = "rw-register"
)

// Part is the operations of one workload that hold one model.
type Part struct {
	Workload string
	Model    Model
	ops      []*history.Op
}

// Parts sorts the transactions of a history by workload and model. What a standby answered is left out: Jepsen's real-time
// and session orders are not promised there.
func Parts(ops []history.Op) []*Part {
	registers := map[[2]string]bool{}
	for i := range ops {
		for _, a := range ops[i].Txn {
			if a.Version != 0 || !a.Write && a.Value != 0 {
				registers[[2]string{ops[i].Workload, a.Key}] = true
			}
		}
	}
	var parts []*Part
	for i := range ops {
		op := &ops[i]
		if op.Standby || len(op.Txn) == 0 || op.Kind != history.Txn && op.Kind != history.Read && op.Kind != history.Write {
			continue
		}
		model := ListAppend
		for _, a := range op.Txn {
			if registers[[2]string{op.Workload, a.Key}] {
				model = RWRegister
			}
		}
		at := slices.IndexFunc(parts, func(p *Part) bool { return p.Workload == op.Workload && p.Model == model })
		if at < 0 {
			at = len(parts)
			parts = append(parts, &Part{Workload: op.Workload, Model: model})
		}
		parts[at].ops = append(parts[at].ops, op)
	}
	return parts
}

// event is an invocation or a completion.
type event struct {
	op      *history.Op
	process int
	end     bool
}

func (e event) at() time.Duration {
	if e.end {
		return e.op.Return
	}
	return e.op.Call
}

// Write writes the part as EDN, one map a line, or as one JSON array.
func (p *Part) Write(to io.Writer, json bool) error {
	out := bufio.NewWriterSize(to, 1<<20)
	shape := edn
	if json {
		shape = jsonShape
	}
	line := []byte(shape.open)
	for i, e := range p.events() {
		if i > 0 {
			line = append(line, shape.between...)
		}
		line = shape.event(line, e, i, p.Model)
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
		line = line[:0]
	}
	if _, err := out.Write(append(line, shape.end...)); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// events are all invocations and completions in the order of time. At one moment invocations come first, so that operations that
// touch count as concurrent, except that a process must complete one before it invokes the next.
func (p *Part) events() []event {
	ops := slices.Clone(p.ops)
	slices.SortStableFunc(ops, func(a, b *history.Op) int { return cmp.Compare(a.Call, b.Call) })
	process, fresh := map[int]int{}, 0
	for _, op := range ops {
		fresh = max(fresh, op.Client+1)
		process[op.Client] = op.Client
	}
	open := make(map[int]event, len(process))
	var pending, out []event // pending: completions, kept in the order of time
	for _, op := range ops {
		who := process[op.Client]
		for len(pending) > 0 && pending[0].at() < op.Call {
			out = append(out, pending[0])
			pending = pending[1:]
		}
		if before, ok := open[who]; ok {
			if at := slices.Index(pending, before); at >= 0 {
				out, pending = append(out, before), slices.Delete(pending, at, at+1)
			}
		}
		out = append(out, event{op, who, false})
		end := event{op, who, true}
		open[who] = end
		at, _ := slices.BinarySearchFunc(pending, end, func(a, b event) int {
			return cmp.Or(cmp.Compare(a.at(), b.at()), -1) // after its equals
		})
		pending = slices.Insert(pending, at, end)
		if op.Outcome == history.Unknown {
			process[op.Client] = fresh
			fresh++
		}
	}
	return append(out, pending...)
}

// shape is how the two notations differ.
type shape struct {
	open, between, end string
	word               func([]byte, string) []byte // a name that is no text
	key                func([]byte, string) []byte // of a map
	pair               string                      // between elements
}

var (
	edn = shape{
		between: "\n", end: "\n", pair: " ",
		word: func(b []byte, s string) []byte { return append(append(b, ':'), s...) },
		key:  func(b []byte, s string) []byte { return append(append(append(b, ':'), s...), ' ') },
	}
	jsonShape = shape{
		open: "[\n", between: ",\n", end: "\n]\n", pair: ",",
		word: func(b []byte, s string) []byte { return strconv.AppendQuote(b, s) },
		key:  func(b []byte, s string) []byte { return append(strconv.AppendQuote(b, s), ':') },
	}
)

func (s *shape) null(b []byte) []byte {
	if s.pair == "," {
		return append(b, "null"...)
	}
	return append(b, "nil"...)
}

func (s *shape) event(b []byte, e event, index int, model Model) []byte {
	b = append(b, '{')
	b = strconv.AppendInt(s.key(b, "index"), int64(index), 10)
	b = s.word(s.key(append(b, s.pair...), "type"), typeOf(e))
	b = s.word(s.key(append(b, s.pair...), "f"), "txn")
	b = strconv.AppendInt(s.key(append(b, s.pair...), "process"), int64(e.process), 10)
	b = strconv.AppendInt(s.key(append(b, s.pair...), "time"), int64(e.at()), 10)
	b = append(s.key(append(b, s.pair...), "value"), '[')
	answered := e.end && (e.op.Outcome == history.OK || e.op.Outcome == history.LocalOnly)
	for i := range e.op.Txn {
		if i > 0 {
			b = append(b, s.pair...)
		}
		b = s.access(b, &e.op.Txn[i], answered, model)
	}
	return append(b, "]}"...)
}

func typeOf(e event) string {
	switch {
	case !e.end:
		return "invoke"
	case e.op.Outcome == history.Failed:
		return "fail"
	case e.op.Outcome == history.Unknown:
		return "info"
	}
	return "ok"
}

func (s *shape) access(b []byte, a *history.Access, answered bool, model Model) []byte {
	name := "r"
	if a.Write && model == ListAppend {
		name = "append"
	} else if a.Write {
		name = "w"
	}
	b = append(s.word(append(b, '['), name), s.pair...)
	b = append(quote(b, a.Key), s.pair...)
	switch {
	case a.Write:
		b = strconv.AppendInt(b, a.Value, 10)
	case !answered, model == RWRegister && a.Value == 0 && a.Version == 0:
		b = s.null(b)
	case model == RWRegister:
		b = strconv.AppendInt(b, a.Value, 10)
	default:
		b = append(b, '[')
		for i, value := range a.List {
			if i > 0 {
				b = append(b, s.pair...)
			}
			b = strconv.AppendInt(b, value, 10)
		}
		b = append(b, ']')
	}
	return append(b, ']')
}

// quote writes text so that both EDN and JSON read it: what is not printable ASCII is escaped with four digits.
func quote(b []byte, text string) []byte {
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}
