package linear

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// operation is one access of a register by itself.
type operation struct {
	write    bool
	value    int64
	version  int64 // 0: not known
	call     time.Duration
	end      time.Duration // when it had certainly happened
	client   int
	original int // index in the run's operations
	unknown  bool
}

// Register is one key.
type Register struct {
	Workload, Key string
	ops           []operation // by call
	list          bool        // it holds a list: not a register
}

// Registers gathers the operations on each key in the order of their first use. An operation of one access counts as it is; of a
// transaction of several only its last write of each key counts, as one that happened while the transaction ran. Failed
// operations and what a standby answered are left out.
func Registers(ops []history.Op) []*Register {
	index := map[[2]string]*Register{}
	var all []*Register
	for i := range ops {
		op := &ops[i]
		if op.Outcome == history.Failed || op.Standby || len(op.Txn) == 0 || !judged(op.Kind) {
			continue
		}
		for n := range op.Txn {
			a := &op.Txn[n]
			r := index[[2]string{op.Workload, a.Key}]
			if r == nil {
				r = &Register{Workload: op.Workload, Key: a.Key}
				index[[2]string{op.Workload, a.Key}] = r
				all = append(all, r)
			}
			r.add(op, i, n)
		}
	}
	var registers []*Register
	for _, r := range all {
		if r.settle(); !r.list && len(r.ops) > 0 {
			registers = append(registers, r)
		}
	}
	return registers
}

// Without leaves out the writes of some values and the reads that show them.
func (r *Register) Without(values map[int64]bool) {
	r.ops = slices.DeleteFunc(r.ops, func(o operation) bool { return values[o.value] })
}

func judged(kind history.Kind) bool {
	return kind == history.Txn || kind == history.Read || kind == history.Write
}

func (r *Register) add(op *history.Op, index, n int) {
	a := &op.Txn[n]
	r.list = r.list || len(a.List) > 0
	alone := len(op.Txn) == 1
	if !a.Write && (!alone || op.Outcome == history.Unknown) || a.Write && !alone && overwritten(op, n) {
		return
	}
	r.ops = append(r.ops, operation{
		write: a.Write, value: a.Value, version: a.Version, call: op.Call, end: op.Return, client: op.Client, original: index,
		unknown: op.Outcome == history.Unknown,
	})
}

func overwritten(op *history.Op, n int) bool {
	for later := n + 1; later < len(op.Txn); later++ {
		if op.Txn[later].Write && op.Txn[later].Key == op.Txn[n].Key {
			return true
		}
	}
	return false
}

// settle resolves writes of unknown outcome and sorts.
func (r *Register) settle() {
	if slices.ContainsFunc(r.ops, func(o operation) bool { return o.unknown }) {
		r.resolve()
	}
	if !slices.IsSortedFunc(r.ops, byCall) {
		slices.SortStableFunc(r.ops, byCall)
	}
}

func byCall(a, b operation) int {
	return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.end, b.end))
}

// resolve decides the writes of unknown outcome: one that was read happened before that read returned, and has the version that was
// read with it; one that nobody read is left out.
func (r *Register) resolve() {
	type sight struct {
		first   time.Duration
		version int64
	}
	seen := map[int64]sight{}
	for _, o := range r.ops {
		if s, ok := seen[o.value]; !o.write && (!ok || o.end < s.first) {
			seen[o.value] = sight{o.end, max(o.version, s.version)}
		}
	}
	kept := r.ops[:0]
	for _, o := range r.ops {
		if o.unknown {
			s, ok := seen[o.value]
			if !ok {
				continue
			}
			o.end, o.version = max(o.call, s.first), max(o.version, s.version)
		}
		kept = append(kept, o)
	}
	r.ops = kept
}

// piece is a part of a key's history that can be judged by itself.
type piece struct {
	initial   operation // what the register holds before: its value, and its version if versioned
	ops       []operation
	versioned bool // versions count: each write raises the version, each read sees its version with its value
}

// pieceLength is from how many operations on a piece is cut off where it can be.
const pieceLength = 32

// pieces cuts a register's history by its versions where they tell the order of the writes, and else at quiet moments.
func (r *Register) pieces() []piece {
	if ordered, ok := r.byVersion(); ok {
		return versionPieces(ordered)
	}
	return r.quietPieces()
}

// quietPieces cuts where nothing is under way and the last operation is not concurrent with a write: then it tells the value.
func (r *Register) quietPieces() []piece {
	var out []piece
	start, initial := 0, operation{}
	var busy, writes time.Duration // until when any operation, and any write but the last operation, was under way
	for i, o := range r.ops {
		if i > start && i-start >= pieceLength && o.call > busy {
			last := r.ops[i-1]
			if writes < last.call {
				out = append(out, piece{initial: initial, ops: r.ops[start:i]})
				start, initial, writes = i, last, 0
			}
		}
		if i > start {
			if before := r.ops[i-1]; before.write {
				writes = max(writes, before.end)
			}
		}
		busy = max(busy, o.end)
	}
	return append(out, piece{initial: initial, ops: r.ops[start:]})
}
