package txn

// walker finds strongly connected components (Tarjan 1972, without recursion). Its slices are as long as the graph and are
// used again for each part of it, so that looking at a small component costs what it is large.
//
// A node is visited in up to two states, for paths in which no two rw edges are adjacent: state 1 after an rw edge, from which
// only other edges lead on. Without that restriction all nodes are in state 0.
type walker struct {
	g      *graph
	index  []int32 // node*2+state -> order of discovery + 1; 0: not seen
	low    []int32
	onPath []bool
	stack  []int32
	frames []frame
	rank   []int32 // node -> order in which it was finished: a node is finished after all that it leads to, cycles apart
	ended  int32
	found  [][]int32
}

type frame struct {
	node int32 // node*2+state
	edge int32 // next one to look at
}

func newWalker(g *graph) *walker {
	n := 2 * g.nodes()
	return &walker{g: g, index: make([]int32, n), low: make([]int32, n), onPath: make([]bool, n), rank: make([]int32, g.nodes())}
}

// rule says which edges may be followed.
type rule struct {
	kinds       mask
	nonadjacent bool // no two rw in a row
	member      []int32
	id          int32 // with member: only nodes whose member is id
}

func (r *rule) inside(node int32) bool { return r.member == nil || r.member[node] == r.id }

// next is the state of the target when an edge is followed, or false if it must not be.
func (r *rule) next(state int32, k kind) (int32, bool) {
	if !r.kinds.has(k) {
		return 0, false
	}
	if !r.nonadjacent || k != rw {
		return 0, true
	}
	return 1, state == 0
}

// components are the strongly connected components of more than one node among nodes. With the nonadjacent rule a node may be
// in a component twice.
func (w *walker) components(nodes []int32, r rule) [][]int32 {
	counter := int32(0)
	w.found, w.ended = nil, 0
	for _, n := range nodes {
		if w.index[2*n] == 0 {
			counter = w.visit(2*n, counter, &r)
		}
	}
	for _, n := range nodes {
		w.index[2*n], w.index[2*n+1] = 0, 0
	}
	return w.found
}

func (w *walker) push(v, counter int32) {
	w.index[v], w.low[v] = counter, counter
	w.stack = append(w.stack, v)
	w.onPath[v] = true
	w.frames = append(w.frames, frame{v, w.g.start[v>>1]})
}

func (w *walker) visit(root, counter int32, r *rule) int32 {
	counter++
	w.push(root, counter)
	for len(w.frames) > 0 {
		top := &w.frames[len(w.frames)-1]
		v := top.node
		if top.edge == w.g.start[v>>1+1] {
			w.leave(v)
			continue
		}
		e := top.edge
		top.edge++
		to := w.g.to[e]
		state, ok := r.next(v&1, w.g.kind[e])
		if !ok || !r.inside(to) {
			continue
		}
		u := 2*to + state
		switch {
		case w.index[u] == 0:
			counter++
			w.push(u, counter)
		case w.onPath[u]:
			w.low[v] = min(w.low[v], w.index[u])
		}
	}
	return counter
}

// leave finishes a node, and with it perhaps a component.
func (w *walker) leave(v int32) {
	w.frames = w.frames[:len(w.frames)-1]
	w.ended++
	w.rank[v>>1] = w.ended
	if len(w.frames) > 0 {
		parent := w.frames[len(w.frames)-1].node
		w.low[parent] = min(w.low[parent], w.low[v])
	}
	if w.low[v] != w.index[v] {
		return
	}
	at := len(w.stack)
	for {
		at--
		w.onPath[w.stack[at]] = false
		if w.stack[at] == v {
			break
		}
	}
	part := w.stack[at:]
	w.stack = w.stack[:at]
	if len(part) < 2 {
		return
	}
	nodes := make([]int32, 0, len(part))
	for _, state := range []int32{1, 0} { // a cycle that may not have two rw in a row is found from a node after an rw
		for _, u := range part {
			if u&1 == state {
				nodes = append(nodes, u>>1)
			}
		}
	}
	w.found = append(w.found, nodes)
}
