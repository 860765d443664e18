package sim

import "slices"

// cell is one key: every value it ever got, in order. A list is all of them, a register the last.
type cell struct {
	name    string
	values  []int64 // only ever grows, or is replaced: reads keep parts of it
	commits []int   // for each value: the number of the commit that brought it
	locked  int     // client + 1 that holds the row; 0: nobody
	seen    int     // how many values any read had of it, at most
	shown   int     // how many an acknowledged read had
	uses    int     // writes begun
}

// at is how many values there were after a commit.
func (c *cell) at(commit int) int {
	n := len(c.values)
	for n > 0 && c.commits[n-1] > commit {
		n--
	}
	return n
}

func (c *cell) add(value int64, commit int) {
	c.values, c.commits = append(c.values, value), append(c.commits, commit)
}

// insert and remove copy, so that reads made before keep what they saw.
func (c *cell) insert(at int, value int64, commit int) {
	c.values = slices.Insert(slices.Clone(c.values), at, value)
	c.commits = slices.Insert(slices.Clone(c.commits), at, commit)
}

func (c *cell) remove(at int) {
	c.values = slices.Delete(slices.Clone(c.values), at, at+1)
	c.commits = slices.Delete(slices.Clone(c.commits), at, at+1)
}

// transaction is what a client is in the middle of.
type transaction struct {
	plan     []access
	counts   [4]int // of a read in plan: how many values it had, its own apart
	step     int
	snapshot int // number of the last commit it sees
	waits    int
	planted  int // bugs in its reads: they count if it is acknowledged
	aborted  bool
	reads    []*cell // external ones, to validate
	writes   []pending
}

type access struct {
	write bool
	cell  *cell
}

type pending struct {
	cell  *cell
	value int64
}

// own counts what the transaction wrote to a cell.
func (t *transaction) own(c *cell) int {
	n := 0
	for _, w := range t.writes {
		if w.cell == c {
			n++
		}
	}
	return n
}
