package txn

import (
	"slices"
	"sort"
)

// kind is why one transaction comes before another.
type kind uint8

const (
	ww   kind = iota // it wrote the version before the other's
	wr               // the other read what it wrote
	rw               // the other wrote the version after the one it read
	sess             // the same client ran it before
	rt               // it was acknowledged before the other was sent
)

var kindNames = [...]string{"ww", "wr", "rw", "session", "real time"}

// mask is a set of kinds.
type mask uint8

func (m mask) has(k kind) bool { return m>>k&1 == 1 }

const (
	dataDeps mask = 1<<ww | 1<<wr
	allData       = dataDeps | 1<<rw
)

// orders are the kinds that a form may use beside the data's.
var orders = [...]mask{0, 1 << sess, 1<<sess | 1<<rt}

// graph is the dependency graph. Nodes below txns are transactions. The others stand for moments: an acknowledged transaction
// leads to the moment of its return, each moment to the next one, and the last moment before a call to its transaction.
// So real time needs three edges a transaction and not one a pair.
type graph struct {
	txns  int
	start []int32
	to    []int32
	kind  []kind
}

func (g *graph) nodes() int { return len(g.start) - 1 }

// data counts the edges that come from reads and writes.
func (g *graph) data() int {
	n := 0
	for _, k := range g.kind {
		if k <= rw {
			n++
		}
	}
	return n
}

// edgeList gathers edges before they are sorted by their origin.
type edgeList struct {
	from, to []int32
	kind     []kind
}

func (e *edgeList) add(from, to int32, k kind) {
	if from != to {
		e.from, e.to, e.kind = append(e.from, from), append(e.to, to), append(e.kind, k)
	}
}

// newGraph makes the graph of the live transactions at or above a level.
func newGraph(t *table, lowest Level) *graph {
	room := len(t.order) + 2*len(t.reads) + 4*len(t.txns)
	e := &edgeList{from: make([]int32, 0, room), to: make([]int32, 0, room), kind: make([]kind, 0, room)}
	in := func(txn int32) bool { return t.live[txn] && t.level[txn] >= lowest }
	for k := range t.keys {
		keyEdges(t, e, in, int32(k))
	}
	sessionEdges(t, e, in)
	moments := timeEdges(t, e, in)
	return e.graph(len(t.txns), moments)
}

func (e *edgeList) graph(txns, moments int) *graph {
	nodes := txns + moments
	g := &graph{txns: txns, start: make([]int32, nodes+1), to: make([]int32, len(e.to)), kind: make([]kind, len(e.to))}
	for _, from := range e.from {
		g.start[from+1]++
	}
	for n := range nodes {
		g.start[n+1] += g.start[n]
	}
	next := append([]int32(nil), g.start[:nodes]...)
	for i, from := range e.from {
		g.to[next[from]], g.kind[next[from]] = e.to[i], e.kind[i]
		next[from]++
	}
	return g
}

// keyEdges are those that one key gives: its writers in order, each read after the writer of what it saw and before the writer
// of what came next.
func keyEdges(t *table, e *edgeList, in func(int32) bool, k int32) {
	key := &t.keys[k]
	order := t.positions(key)
	last := int32(-1)
	for _, w := range order[:key.cut] {
		if w < 0 || !in(t.writes[w].txn) {
			continue
		}
		if last >= 0 {
			e.add(last, t.writes[w].txn, ww)
		}
		last = t.writes[w].txn
	}
	full := 0
	for _, r := range t.byKey.row(k) {
		if readEdges(t, e, in, key, &t.reads[r]) {
			full++
		}
	}
	tailEdges(t, e, in, k, last, full)
}

// readEdges returns true if the read saw the whole order.
func readEdges(t *table, e *edgeList, in func(int32) bool, key *keyState, r *read) bool {
	if !in(r.txn) {
		return false
	}
	if r.last >= 0 && in(t.writes[r.last].txn) {
		e.add(t.writes[r.last].txn, r.txn, wr)
	}
	if r.seen < 0 || r.before < 0 {
		return false
	}
	for pos := r.before; pos < key.cut; pos++ {
		if w := t.positions(key)[pos]; w >= 0 && in(t.writes[w].txn) {
			e.add(r.txn, t.writes[w].txn, rw)
			return false
		}
	}
	return r.before == key.cut && key.cut == key.length
}

// tailPairs is up to how many pairs of readers and unread writes of one key get their edges. Beyond it the edges are left out:
// that can only hide something, never accuse anybody.
const tailPairs = 4096

// tailEdges are those of committed appends that nobody read: they come after all that was read, in an order that is not known.
func tailEdges(t *table, e *edgeList, in func(int32) bool, k int32, last int32, full int) {
	key := &t.keys[k]
	unread := t.unseen.row(k)
	if key.longest < 0 || len(unread) == 0 || key.odd || key.cut < key.length {
		return
	}
	for _, w := range unread {
		if by := t.writes[w].txn; last >= 0 && in(by) && !t.writes[w].lost {
			e.add(last, by, ww)
		}
	}
	if full*len(unread) > tailPairs {
		return
	}
	for _, r := range t.byKey.row(k) {
		read := &t.reads[r]
		if !in(read.txn) || read.seen < 0 || read.before != key.length {
			continue
		}
		for _, w := range unread {
			if by := t.writes[w].txn; in(by) && !t.writes[w].lost {
				e.add(read.txn, by, rw)
			}
		}
	}
}

// sessionEdges lead from each acknowledged transaction of a client to its next one. An Unknown one may happen after those that
// its client sends later: nothing follows from it. What a standby answers belongs to no session on the primary.
func sessionEdges(t *table, e *edgeList, in func(int32) bool) {
	last := make([]int32, t.clients) // the client's last acknowledged transaction + 1; 0: none
	for i := range t.txns {
		txn := int32(i)
		at := &t.when[txn]
		if !in(txn) || at.standby {
			continue
		}
		if before := last[at.client]; before > 0 {
			e.add(before-1, txn, sess)
		}
		if at.acked {
			last[at.client] = txn + 1
		}
	}
}

// timeEdges returns how many moments it made.
func timeEdges(t *table, e *edgeList, in func(int32) bool) int {
	base := int32(len(t.txns))
	done := make([]int32, 0, len(t.txns))
	for i := range t.txns {
		if txn := int32(i); in(txn) && t.acked(txn) && !t.when[txn].standby {
			done = append(done, txn)
		}
	}
	returned := func(a, b int32) int { return int(t.when[a].end - t.when[b].end) }
	if !slices.IsSortedFunc(done, returned) {
		slices.SortFunc(done, returned)
	}
	times := make([]duration, len(done))
	for i, txn := range done {
		times[i] = t.when[txn].end
		e.add(txn, base+int32(i), rt)
		if i > 0 {
			e.add(base+int32(i)-1, base+int32(i), rt)
		}
	}
	for i := range t.txns {
		txn := int32(i)
		if !in(txn) || t.when[txn].standby {
			continue
		}
		call := t.when[txn].call
		if at := sort.Search(len(times), func(m int) bool { return times[m] >= call }); at > 0 {
			e.add(base+int32(at)-1, txn, rt)
		}
	}
	return len(done)
}
