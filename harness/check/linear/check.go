package linear

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Result is what is known of all registers.
type Result struct {
	Keys    int
	Ops     int
	Bad     []Violation
	TimedAt string // the key at which time ran out; empty: it did not
}

// Violation is one key that no order explains.
type Violation struct {
	Excerpt
	Ops []int // indexes in the run: the operation that cannot be explained first, then those around it
}

// task is one piece of one register.
type task struct {
	register int
	piece    piece
	result   porcupine.CheckResult
}

// Check judges registers within a time; after that the rest is not known. All processors work at it, and the result does not
// depend on which did what.
func Check(registers []*Register, within time.Duration) Result {
	r := Result{Keys: len(registers)}
	deadline := time.Now().Add(within)
	tasks := allTasks(registers)
	together(len(tasks), func(i int) { tasks[i].result = tasks[i].piece.search(time.Until(deadline)) })
	bad := -1 // the last register with a violation: one is enough, what follows it depends on it
	for i := range tasks {
		t := &tasks[i]
		switch {
		case t.result == porcupine.Unknown && r.TimedAt == "":
			r.TimedAt = registers[t.register].Key
		case t.result == porcupine.Illegal && t.register != bad:
			bad = t.register
			r.Bad = append(r.Bad, violation(registers[bad], t.piece))
		}
	}
	for _, register := range registers {
		r.Ops += len(register.ops)
	}
	return r
}

func allTasks(registers []*Register) []task {
	pieces := make([][]piece, len(registers))
	together(len(registers), func(i int) { pieces[i] = registers[i].pieces() })
	var tasks []task
	for i := range pieces {
		for _, p := range pieces[i] {
			tasks = append(tasks, task{register: i, piece: p})
		}
	}
	return tasks
}

// together does n things on all processors.
func together(n int, do func(i int)) {
	const batch = 16
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for {
				end := int(next.Add(batch))
				if end-batch >= n {
					return
				}
				for i := end - batch; i < min(end, n); i++ {
					do(i)
				}
			}
		})
	}
	workers.Wait()
}

// search asks porcupine.
func (p *piece) search(within time.Duration) porcupine.CheckResult {
	if within <= 0 {
		return porcupine.Unknown
	}
	return porcupine.CheckOperationsTimeout(p.model(), operations(p.ops), within)
}

// model is a register. Its state is the operation that wrote it last: values are unique, so two states are equal if those are the same.
func (p *piece) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return &p.initial },
		Step: func(state, input, _ any) (bool, any) {
			is, o := state.(*operation), input.(*operation)
			switch {
			case o.write:
				return !p.versioned || o.version > is.version, o
			case p.versioned:
				return is.value == o.value && is.version == o.version, state
			}
			return is.value == o.value, state
		},
		DescribeOperation: func(input, _ any) string {
			o := input.(*operation)
			if o.write {
				return p.describe("write", o)
			}
			return p.describe("read", o)
		},
		DescribeState: func(state any) string { return p.describe("", state.(*operation)) },
	}
}

func (p *piece) describe(verb string, o *operation) string {
	text := fmt.Sprintf("%s %d", verb, o.value)
	if p.versioned {
		text += fmt.Sprintf(" (version %d)", o.version)
	}
	return strings.TrimSpace(text)
}

func operations(ops []operation) []porcupine.Operation {
	out := make([]porcupine.Operation, len(ops))
	for i := range ops {
		out[i] = porcupine.Operation{ClientId: ops[i].client, Input: &ops[i], Call: int64(ops[i].call), Return: int64(ops[i].end)}
	}
	return out
}

// around is how many operations a violation shows beside the one that cannot be explained.
const around = 7

// searchWithin is how long the search for the first operation that cannot be explained may take, for each try.
const searchWithin = time.Second

// violation finds the first operation whose return makes a piece impossible: impossible stays impossible, so the moment is found
// by halving.
func violation(register *Register, p piece) Violation {
	ends := make([]time.Duration, 0, len(p.ops))
	for _, o := range p.ops {
		ends = append(ends, o.end)
	}
	slices.Sort(ends)
	low, high := 0, len(ends)-1
	for low < high {
		middle := (low + high) / 2
		prefix := until(p, ends[middle])
		if prefix.search(searchWithin) == porcupine.Illegal {
			high = middle
		} else {
			low = middle + 1
		}
	}
	v := Violation{Excerpt: Excerpt{Register: register, piece: p}}
	for _, o := range p.ops {
		if o.end == ends[low] {
			v.Ops = append(v.Ops, o.original)
		}
	}
	for i := len(p.ops) - 1; i >= 0 && len(v.Ops) <= around; i-- {
		if o := p.ops[i]; o.end < ends[low] || o.end > ends[low] && o.call < ends[low] {
			v.Ops = append(v.Ops, o.original)
		}
	}
	return v
}

// until is what was known at a moment: reads that had not returned are left out, writes may still happen.
func until(p piece, moment time.Duration) piece {
	out := piece{initial: p.initial, versioned: p.versioned}
	for _, o := range p.ops {
		if o.call > moment || o.end > moment && !o.write {
			continue
		}
		if o.end > moment {
			o.end = 1 << 62
		}
		out.ops = append(out.ops, o)
	}
	return out
}

// Applies says whether any operation of a history is one on a register.
func Applies(ops []history.Op) bool {
	for i := range ops {
		if !judged(ops[i].Kind) || ops[i].Standby {
			continue
		}
		for _, a := range ops[i].Txn {
			if a.Version != 0 || !a.Write && a.Value != 0 {
				return true
			}
		}
	}
	return false
}
