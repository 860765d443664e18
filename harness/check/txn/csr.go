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
