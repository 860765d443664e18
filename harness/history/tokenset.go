package history

import (
	"hash/maphash"
	"math/bits"
)

// tokenSet finds operations whose token an earlier one has too. A map of strings does the same in four times the time and
// memory: this is the larger part of judging a ledger of a million tokens.
type tokenSet struct {
	seed maphash.Seed
	mask uint64
	slot []uint64 // 0: free; else upper half of the token's hash, and the operation's index plus one in the lower half
}

// newTokenSet has room for n tokens.
func newTokenSet(n int) tokenSet {
	size := uint64(1) << bits.Len64(uint64(2*n+1)) //nolint:gosec // a length
	return tokenSet{seed: maphash.MakeSeed(), mask: size - 1, slot: make([]uint64, size)}
}

// add returns whether the token of the i-th operation is new.
func (s tokenSet) add(ops []Op, i int) bool {
	const upper = 0xffffffff << 32
	hash := maphash.String(s.seed, ops[i].Token)
	for at := hash & s.mask; ; at = (at + 1) & s.mask {
		found := s.slot[at]
		if found == 0 {
			s.slot[at] = hash&upper | uint64(i+1) //nolint:gosec // an index
			return true
		}
		if found&upper == hash&upper && ops[uint32(found)-1].Token == ops[i].Token {
			return false
		}
	}
}
