package linear

import (
	"cmp"
	"slices"
)

// byVersion puts a register's operations into the order that their versions tell: each write, then the reads of it as they were sent.
// It returns false if the versions do not tell one: some are missing, two values have one version, or nobody wrote a value.
// Then only the search knows.
func (r *Register) byVersion() ([]operation, bool) {
	for i := range r.ops {
		if o := &r.ops[i]; o.version < 0 || (o.version == 0) != (o.value == 0) || o.write && o.version == 0 {
			return nil, false
		}
	}
	ordered := slices.Clone(r.ops) // by call
	slices.SortStableFunc(ordered, func(a, b operation) int {
		return cmp.Or(cmp.Compare(a.version, b.version), cmp.Compare(rank(a), rank(b)))
	})
	for i, o := range ordered {
		first := i == 0 || ordered[i-1].version != o.version
		if first && !o.write && o.version != 0 || !first && (o.write || ordered[i-1].value != o.value) {
			return nil, false
		}
	}
	return ordered, true
}

func rank(o operation) int {
	if o.write {
		return 0
	}
	return 1
}

// versionPieces cuts the order that versions tell. No other order is possible, so the register is linearizable if and only if no
// operation returned before one was called that comes earlier in the order; two such operations, with what they saw, are a piece of
// their own, which the search then refuses. Where there are none, every cut is right.
func versionPieces(ordered []operation) []piece {
	if early, late, bad := contradiction(ordered); bad {
		return []piece{contradictory(ordered, early, late)}
	}
	var out []piece
	initial := operation{}
	for part := range slices.Chunk(ordered, pieceLength) {
		out = append(out, piece{initial: initial, ops: part, versioned: true})
		initial = part[len(part)-1]
	}
	return out
}

// contradiction finds two positions, the second of an operation that had returned before the first, which comes earlier in the
// order, was called.
func contradiction(ordered []operation) (early, late int, bad bool) {
	for i := range ordered {
		if ordered[i].end < ordered[early].call {
			return early, i, true
		}
		if ordered[i].call > ordered[early].call {
			early = i
		}
	}
	return 0, 0, false
}

// mostShown bounds the operations of a contradiction that are shown whole.
const mostShown = 64

// contradictory is the piece of a contradiction: everything between the two versions if that is little, else the two operations and
// the writes that they saw.
func contradictory(ordered []operation, early, late int) piece {
	from, to := early, late
	for ordered[from].version != 0 && !ordered[from].write {
		from--
	}
	p := piece{versioned: true}
	if from > 0 {
		p.initial = ordered[from-1]
	}
	if to-from < mostShown {
		p.ops = slices.Clone(ordered[from : to+1])
	} else {
		writer := to
		for !ordered[writer].write {
			writer--
		}
		for _, i := range slices.Compact([]int{from, early, writer, late}) {
			p.ops = append(p.ops, ordered[i])
		}
	}
	slices.SortStableFunc(p.ops, byCall)
	return p
}
