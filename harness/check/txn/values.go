package txn

import (
	"cmp"
	"slices"
)

// valueIndex finds a write by its key and value: the writes of each key by value, one key after the other. What was written to a key
// at one time lies together, here and in the table, so that looking up the values of a list touches little memory however long the
// history is. A hash table touches all of it, and is what made long histories slower than their length.
type valueIndex struct {
	start   []int32 // key -> its first entry; one more at the end
	entries []valueEntry
}

type valueEntry struct {
	value int64
	write int32
}

func byValue(a, b valueEntry) int {
	return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.write, b.write))
}

// newValueIndex also returns the first write whose value its key already had; -1: values are unique.
func newValueIndex(keys int, writes []write) (x valueIndex, twice int32) {
	rows := group(keys, len(writes), func(w int32) int32 { return writes[w].key })
	x = valueIndex{start: rows.start, entries: make([]valueEntry, len(writes))}
	for i, w := range rows.items {
		x.entries[i] = valueEntry{writes[w].value, w}
	}
	twice = -1
	for k := range keys {
		row := x.entries[x.start[k]:x.start[k+1]]
		if !slices.IsSortedFunc(row, byValue) {
			slices.SortFunc(row, byValue)
		}
		for i := 1; i < len(row); i++ {
			if row[i].value == row[i-1].value && (twice < 0 || row[i].write < twice) {
				twice = row[i].write
			}
		}
	}
	return x, twice
}

// find returns the write of a value to a key, the first if there are several, or -1.
func (x *valueIndex) find(key int32, value int64) int32 {
	low, end := x.start[key], x.start[key+1]
	high := end
	for low < high {
		if middle := low + (high-low)/2; x.entries[middle].value < value {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < end && x.entries[low].value == value {
		return x.entries[low].write
	}
	return -1
}
