package txn

// Budgets of the search for short cycles, in edges looked at. They bound the time; a cycle is found in any case.
const (
	searchAll  = 60_000_000
	searchOne  = 4_000_000
	searchLeft = 20_000 // for each component once the first is used up
)

// cycles finds the cycles of one graph and names them.
type cycles struct {
	t      *table
	g      *graph
	walk   *walker
	find   *searcher
	member [3][]int32 // node -> number of the scope it is in, for scopes inside scopes
	scopes [3]int32
	worst  []class // transaction -> the worst class told of a component with it
	spent  int
	out    *findings
	errors map[int32]bool // transactions in a cycle that was told as an error
	again  bool           // a further graph of the same history: only errors that were not told are told
}

func newCycles(t *table, g *graph, out *findings) *cycles {
	c := &cycles{t: t, g: g, walk: newWalker(g), find: newSearcher(g), out: out, worst: make([]class, len(t.txns)), errors: map[int32]bool{}}
	for i := range c.member {
		c.member[i] = make([]int32, g.nodes())
	}
	for i := range c.worst {
		c.worst[i] = noClass
	}
	return c
}

// run looks at every component of the graph with all its edges, and in it for cycles of data alone, then with sessions, then
// with real time. It returns how many components there are and how many transactions the largest has.
func (c *cycles) run() (components, largest int) {
	all := make([]int32, c.g.nodes())
	for i := range all {
		all[i] = int32(i)
	}
	for _, part := range c.walk.components(all, rule{kinds: allData | orders[realTime]}) {
		c.enter(0, part)
		for f := plain; f <= realTime; f++ {
			for _, sub := range c.walk.components(part, c.rule(0, allData|orders[f])) {
				if f == plain {
					components++
					largest = max(largest, len(sub))
				}
				c.judge(sub, f)
			}
		}
	}
	return components, largest
}

// enter makes nodes the scope of a depth.
func (c *cycles) enter(depth int, nodes []int32) {
	c.scopes[depth]++
	for _, n := range nodes {
		c.member[depth][n] = c.scopes[depth]
	}
}

// rule follows some kinds inside the scope of a depth.
func (c *cycles) rule(depth int, kinds mask) rule {
	return rule{kinds: kinds, member: c.member[depth], id: c.scopes[depth]}
}

// judge names the worst cycle of one component, unless the same or a worse one was told of it with fewer kinds of edges.
func (c *cycles) judge(nodes []int32, f form) {
	c.enter(1, nodes)
	told := noClass
	for _, n := range nodes {
		if int(n) < c.g.txns {
			told = min(told, c.worst[n])
		}
	}
	shape, scopes := c.shape(nodes, f, told)
	if shape >= told {
		return
	}
	for _, n := range nodes {
		if int(n) < c.g.txns {
			c.worst[n] = min(c.worst[n], shape)
		}
	}
	c.tell(shape, f, scopes)
}

// shape is the worst class of a component, and the sets of nodes among which such cycles are. It does not look for classes that were
// told already.
func (c *cycles) shape(nodes []int32, f form, told class) (class, [][]int32) {
	order := orders[f]
	if told > classG0 {
		if found := c.walk.components(nodes, c.rule(1, 1<<ww|order)); len(found) > 0 {
			return classG0, found
		}
	}
	if told > classG1c {
		if found := c.walk.components(nodes, c.rule(1, dataDeps|order)); len(found) > 0 {
			return classG1c, found
		}
	}
	if told > classSingle {
		r := c.rule(1, allData|order)
		r.nonadjacent = true
		if found := c.walk.components(nodes, r); len(found) > 0 {
			return classNonadjacent, found // or G-single: tell finds out
		}
	}
	return classG2, [][]int32{nodes}
}

// tell finds a short cycle of a class, names it and counts it.
func (c *cycles) tell(shape class, f form, scopes [][]int32) {
	cycle, name := c.cycle(shape, f, scopes)
	level := Strict
	for _, h := range cycle {
		level = min(level, c.t.level[h.from])
	}
	needs := name.shape.forbiddenFrom()
	if f != plain {
		needs = Strict
	}
	isError := level >= needs
	if c.again && (!isError || c.toldBefore(cycle)) {
		return
	}
	for _, h := range cycle {
		c.errors[h.from] = c.errors[h.from] || isError
	}
	c.out.add(name.anomaly, isError, func() Finding { return c.finding(cycle) })
}

func (c *cycles) toldBefore(cycle []hop) bool {
	for _, h := range cycle {
		if c.errors[h.from] {
			return true
		}
	}
	return false
}

type named struct {
	anomaly Anomaly
	shape   class
}

// cycle finds the witness. A G-single is looked for everywhere before a G-nonadjacent is believed.
func (c *cycles) cycle(shape class, f form, scopes [][]int32) ([]hop, named) {
	c.find.budget = searchOne
	if c.spent > searchAll {
		c.find.budget = searchLeft
	}
	start := c.find.budget
	defer func() { c.spent += start - c.find.budget }()
	if shape == classNonadjacent {
		for _, scope := range scopes {
			c.enter(2, scope)
			if cycle, name := c.oneAnti(f, scope); cycle != nil {
				return cycle, name
			}
		}
		c.find.budget = max(c.find.budget, searchLeft)
	}
	kinds := [...]mask{classG0: 1 << ww, classG1c: dataDeps, classNonadjacent: allData, classG2: allData}[shape]
	c.enter(2, scopes[0])
	r := c.rule(2, kinds|orders[f])
	r.nonadjacent = shape == classNonadjacent
	cycle := c.shrink(c.shortest(scopes[0], r), f, shape)
	if shape == classNonadjacent && f == plain && c.isLongFork(cycle) {
		return cycle, named{LongFork, shape}
	}
	return cycle, named{shape.name(f), shape}
}

// oneAnti finds a lost update or another G-single in a scope, or nil.
func (c *cycles) oneAnti(f form, scope []int32) ([]hop, named) {
	if f == plain {
		if cycle := c.lostUpdate(scope); cycle != nil {
			return cycle, named{LostUpdate, classSingle}
		}
	}
	if cycle := c.single(scope, c.rule(2, dataDeps|orders[f])); cycle != nil {
		return c.shrink(cycle, f, classSingle), named{classSingle.name(f), classSingle}
	}
	return nil, named{}
}

// shortest looks for the shortest cycle from every node in turn until the budget is used up. The first search has no limit, so
// a cycle is always found.
func (c *cycles) shortest(scope []int32, r rule) []hop {
	state := int32(0)
	if r.nonadjacent {
		state = 1 // it begins with another edge than rw, so that its end may be one
	}
	var best []hop
	for _, n := range scope {
		if int(n) >= c.g.txns {
			continue
		}
		limit := len(c.t.txns)
		if best != nil {
			limit = len(best) - 1
		}
		budget := c.find.budget
		if best == nil {
			c.find.budget = int(^uint(0) >> 1)
		}
		found := c.find.path(query{from: n, state: state, to: n, limit: limit, rule: r})
		if best == nil {
			c.find.budget = budget - (int(^uint(0)>>1) - c.find.budget)
		}
		if found != nil {
			best = found
		}
		if best != nil && (len(best) == 2 || c.find.budget < 0) {
			break
		}
	}
	return best
}

// single looks for the shortest cycle with exactly one rw edge: for each of them, a way back by other edges. Those form no
// cycle here, so most ways back are ruled out by their topological order at once.
func (c *cycles) single(scope []int32, r rule) []hop {
	c.walk.components(scope, r)
	var best []hop
	for _, u := range scope {
		for e := c.g.start[u]; e < c.g.start[u+1]; e++ {
			v := c.g.to[e]
			if c.g.kind[e] != rw || !r.inside(v) || c.walk.rank[v] <= c.walk.rank[u] {
				continue
			}
			limit := len(c.t.txns)
			if best != nil {
				limit = len(best) - 2
			}
			back := c.find.path(query{from: v, to: u, limit: limit, rule: r, rank: c.walk.rank})
			if back != nil {
				best = append([]hop{{u, v, rw}}, back...)
			}
			if c.find.budget < 0 || len(best) == 2 {
				return best
			}
		}
	}
	return best
}
