package txn

// hop is one edge of a path.
type hop struct {
	from, to int32
	kind     kind
}

// searcher finds short paths, breadth first. Its slices are made by the first search, and used again by every other one: a history
// without cycles needs none.
type searcher struct {
	g       *graph
	seen    []int32 // node*2+state -> number of the search that reached it
	parent  []int32 // node*2+state before it
	by      []int32 // the edge
	search  int32
	current []int32
	next    []int32
	budget  int // edges that may still be looked at
}

func newSearcher(g *graph) *searcher { return &searcher{g: g} }

// query is one search: from a node, in a state, to a node, over at most limit edges. Steps from moment to moment are free, so
// that real time counts as one edge however many transactions returned meanwhile.
type query struct {
	from, state, to int32
	limit           int
	rule            rule
	rank            []int32 // if not nil: only nodes of at least the rank of to lead there
}

// path returns the edges from one node to the other, nil if there are none within the limit and the budget. From and to may be
// the same node: then it is a cycle.
func (s *searcher) path(q query) []hop {
	if s.seen == nil {
		n := 2 * s.g.nodes()
		s.seen, s.parent, s.by = make([]int32, n), make([]int32, n), make([]int32, n)
	}
	s.search++
	start := 2*q.from + q.state
	s.current = append(s.current[:0], start)
	for depth := 1; depth <= q.limit+1 && len(s.current) > 0; depth++ {
		s.next = s.next[:0]
		for i := 0; i < len(s.current); i++ { // it grows by free steps
			if end := s.expand(s.current[i], depth <= q.limit, &q); end >= 0 {
				return s.trace(start, end)
			}
			if s.budget < 0 {
				return nil
			}
		}
		s.current, s.next = s.next, s.current
	}
	return nil
}

// expand looks at the edges of one node; it returns the state reached when the goal is.
func (s *searcher) expand(v int32, paid bool, q *query) int32 {
	node := v >> 1
	for e := s.g.start[node]; e < s.g.start[node+1]; e++ {
		s.budget--
		free := int(node) >= s.g.txns
		if !free && !paid {
			return -1
		}
		to := s.g.to[e]
		state, ok := q.rule.next(v&1, s.g.kind[e])
		if !ok || !q.rule.inside(to) || q.rank != nil && q.rank[to] < q.rank[q.to] {
			continue
		}
		u := 2*to + state
		if s.seen[u] == s.search && to != q.to {
			continue
		}
		s.seen[u], s.parent[u], s.by[u] = s.search, v, e
		if to == q.to {
			return u
		}
		if free {
			s.current = append(s.current, u)
		} else {
			s.next = append(s.next, u)
		}
	}
	return -1
}

// trace walks back from the end and joins the moments of one real-time edge.
func (s *searcher) trace(start, end int32) []hop {
	var back []hop
	for v := end; ; {
		e := s.by[v]
		back = append(back, hop{s.parent[v] >> 1, v >> 1, s.g.kind[e]})
		v = s.parent[v]
		if v == start {
			break
		}
	}
	path := make([]hop, 0, len(back))
	for i := len(back) - 1; i >= 0; i-- {
		h := back[i]
		if n := len(path); n > 0 && int(h.from) >= s.g.txns {
			path[n-1].to = h.to
			continue
		}
		path = append(path, h)
	}
	return path
}
