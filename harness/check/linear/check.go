package linear

import (
	"fmt"
	"slices"
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
	Register *Register
	Ops      []int // indexes in the run: the operation that cannot be explained first, then those around it
	piece    piece
}

// Check judges registers within a time; after that the rest is not known.
func Check(registers []*Register, within time.Duration) Result {
	r := Result{Keys: len(registers)}
	deadline := time.Now().Add(within)
	for _, register := range registers {
		r.Ops += len(register.ops)
		for _, p := range register.pieces() {
			left := time.Until(deadline)
			if left <= 0 {
				r.TimedAt = register.Key
				return r
			}
			switch porcupine.CheckOperationsTimeout(model(p.initial), operations(p.ops), left) {
			case porcupine.Illegal:
				r.Bad = append(r.Bad, violation(register, p))
			case porcupine.Unknown:
				r.TimedAt = register.Key
				return r
			default:
				continue
			}
			break // one violation of a key is enough: what follows it depends on it
		}
	}
	return r
}

// model is a register that holds a value first.
func model(initial int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, input, _ any) (bool, any) {
			if o := input.(*operation); o.write {
				return true, o.value
			} else if state.(int64) == o.value {
				return true, state
			}
			return false, state
		},
		DescribeOperation: func(input, _ any) string {
			if o := input.(*operation); o.write {
				return fmt.Sprintf("write %d", o.value)
			} else {
				return fmt.Sprintf("read %d", o.value)
			}
		},
		DescribeState: func(state any) string { return fmt.Sprint(state) },
	}
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
		if porcupine.CheckOperationsTimeout(model(p.initial), operations(prefix), searchWithin) == porcupine.Illegal {
			high = middle
		} else {
			low = middle + 1
		}
	}
	v := Violation{Register: register, piece: p}
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
func until(p piece, moment time.Duration) []operation {
	var out []operation
	for _, o := range p.ops {
		if o.call > moment || o.end > moment && !o.write {
			continue
		}
		if o.end > moment {
			o.end = 1 << 62
		}
		out = append(out, o)
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
