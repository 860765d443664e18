package txn

// csr holds lists of small numbers, one after the other: the items of row i are items[start[i]:start[i+1]].
type csr struct {
	start []int32
	items []int32
}

func (c *csr) row(i int32) []int32 { return c.items[c.start[i]:c.start[i+1]] }

// group makes the lists of rows: item i goes to row rowOf(i), in the order of i; a negative row leaves it out.
func group(rows, items int, rowOf func(int32) int32) csr {
	start := make([]int32, rows+1)
	total := int32(0)
	for i := range int32(items) {
		if row := rowOf(i); row >= 0 {
			start[row+1]++
			total++
		}
	}
	for row := range rows {
		start[row+1] += start[row]
	}
	out := csr{start: start, items: make([]int32, total)}
	next := append([]int32(nil), start[:rows]...)
	for i := range int32(items) {
		if row := rowOf(i); row >= 0 {
			out.items[next[row]] = i
			next[row]++
		}
	}
	return out
}

// valueIndex finds a write by its key and value: open addressing in one flat slice, because millions of entries in a map cost
// more than everything else here.
type valueIndex struct {
	slots []int32 // write + 1; 0: free
	mask  uint64
}

func newValueIndex(writes int) valueIndex {
	size := uint64(16)
	for size < 2*uint64(writes) {
		size *= 2
	}
	return valueIndex{slots: make([]int32, size), mask: size - 1}
}

func hash(key int32, value int64) uint64 {
	h := uint64(value)*0x9E3779B97F4A7C15 ^ uint64(uint32(key))*0xC2B2AE3D27D4EB4F
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

// put enters write w, unless the same key and value is there: then it returns that one and false.
func (x *valueIndex) put(writes []write, w int32) (int32, bool) {
	for at := hash(writes[w].key, writes[w].value) & x.mask; ; at = (at + 1) & x.mask {
		switch found := x.slots[at] - 1; {
		case found < 0:
			x.slots[at] = w + 1
			return w, true
		case writes[found].key == writes[w].key && writes[found].value == writes[w].value:
			return found, false
		}
	}
}

// find returns the write of a value to a key, or -1.
func (x *valueIndex) find(writes []write, key int32, value int64) int32 {
	for at := hash(key, value) & x.mask; ; at = (at + 1) & x.mask {
		found := x.slots[at] - 1
		if found < 0 || writes[found].key == key && writes[found].value == value {
			return found
		}
	}
}
