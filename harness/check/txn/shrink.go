package txn

// wholeShrink is up to how long a cycle may be for every pair of its transactions to be compared.
const wholeShrink = 256

// shrink leaves out transactions of a cycle where one edge says the same as several: the order of one key, of a session and of
// time is transitive. The number of rw edges and what is between them stay, and so does the cycle's name.
func (c *cycles) shrink(cycle []hop, f form, shape class) []hop {
	cycle = c.shrinkNeighbours(cycle, f, shape)
	if len(cycle) > wholeShrink {
		return cycle
	}
	for changed := true; changed && len(cycle) > 2; {
		changed = false
		for span := len(cycle) - 1; span >= 2 && !changed; span-- {
			for at := 0; at < len(cycle) && !changed; at++ {
				cycle, changed = c.skip(cycle, at, span, f, shape)
			}
		}
	}
	return cycle
}

// shrinkNeighbours joins edges with the one before them in one pass, because a cycle may be as long as the history.
func (c *cycles) shrinkNeighbours(cycle []hop, f form, shape class) []hop {
	out := make([]hop, 0, len(cycle))
	for i, h := range cycle {
		left := len(out) + len(cycle) - i // edges of the cycle if h is not joined
		for len(out) > 0 && left > 2 {
			last := out[len(out)-1]
			k, ok := c.join([]hop{last, h}, f, shape)
			if !ok || shape == classG0 && k != ww {
				break
			}
			h = hop{last.from, h.to, k}
			out = out[:len(out)-1]
			left--
		}
		out = append(out, h)
	}
	return out
}

// join is the kind of the one edge that says the same as a row of them, if there is one.
func (c *cycles) join(row []hop, f form, shape class) (kind, bool) {
	antis := 0
	for _, h := range row {
		if h.kind == rw {
			antis++
		}
	}
	from, to := row[0].from, row[len(row)-1].to
	if from == to || antis > 1 || antis == 1 && shape == classNonadjacent {
		return 0, false
	}
	return c.relation(from, to, f, antis == 1)
}

// skip replaces span edges from position at on by one, if there is one that says it.
func (c *cycles) skip(cycle []hop, at, span int, f form, shape class) ([]hop, bool) {
	n := len(cycle)
	row := make([]hop, 0, span)
	for i := range span {
		row = append(row, cycle[(at+i)%n])
	}
	k, ok := c.join(row, f, shape)
	if !ok {
		return cycle, false
	}
	if shape == classG0 && k != ww && c.dirtyOnly(cycle, at, span) {
		return cycle, false
	}
	out := []hop{{row[0].from, row[span-1].to, k}}
	for i := span; i < n; i++ {
		out = append(out, cycle[(at+i)%n])
	}
	return out, true
}

// dirtyOnly says whether the edges to be replaced hold the only ww edges: a G0 must keep one.
func (c *cycles) dirtyOnly(cycle []hop, at, span int) bool {
	for i := span; i < len(cycle); i++ {
		if cycle[(at+i)%len(cycle)].kind == ww {
			return false
		}
	}
	return true
}

// relation is the reason for which one transaction comes before another, directly or over others: an anti-dependency, or any of
// the other kinds that the form may use.
func (c *cycles) relation(a, b int32, f form, anti bool) (kind, bool) {
	if anti {
		_, ok := c.t.evidence(a, b, rw)
		return rw, ok
	}
	for _, k := range []kind{ww, wr, sess, rt} {
		if !(dataDeps | orders[f]).has(k) {
			continue
		}
		if _, ok := c.t.evidence(a, b, k); ok {
			return k, true
		}
	}
	return 0, false
}

// proof is where in two transactions the reason for an edge is.
type proof struct {
	key      int32
	from, to int32 // a write or a read of each, by number
	direct   bool  // no other transaction is between them
}

// evidence finds the reason for an edge between two transactions.
func (t *table) evidence(a, b int32, k kind) (proof, bool) {
	switch k {
	case ww:
		return t.wroteBefore(a, b)
	case wr:
		return t.readFrom(a, b)
	case rw:
		return t.readBefore(a, b)
	case sess:
		x, y := &t.when[a], &t.when[b]
		return proof{}, x.client == y.client && a < b && x.acked && !x.standby && !y.standby
	}
	return proof{}, t.ackTime(a) < t.when[b].call && !t.when[a].standby && !t.when[b].standby
}

func (t *table) wroteBefore(a, b int32) (proof, bool) {
	for w := t.writeAt[a]; w < t.writeAt[a+1]; w++ {
		for v := t.writeAt[b]; v < t.writeAt[b+1]; v++ {
			x, y := &t.writes[w], &t.writes[v]
			if x.key != y.key || x.pos < 0 || x.lost || y.lost {
				continue
			}
			if y.pos > x.pos || y.pos < 0 && t.acked(b) && !t.keys[y.key].register && !t.keys[y.key].odd {
				return proof{x.key, w, v, y.pos == x.pos+1}, true
			}
		}
	}
	return proof{}, false
}

func (t *table) readFrom(a, b int32) (proof, bool) {
	for r := t.readAt[b]; r < t.readAt[b+1]; r++ {
		for w := t.writeAt[a]; w < t.writeAt[a+1]; w++ {
			x, y := &t.reads[r], &t.writes[w]
			if x.key == y.key && (x.last == w || y.pos >= 0 && y.pos < x.before) {
				return proof{y.key, w, r, x.last == w}, true
			}
		}
	}
	return proof{}, false
}

func (t *table) readBefore(a, b int32) (proof, bool) {
	for r := t.readAt[a]; r < t.readAt[a+1]; r++ {
		for w := t.writeAt[b]; w < t.writeAt[b+1]; w++ {
			x, y := &t.reads[r], &t.writes[w]
			if x.key != y.key || x.seen < 0 || x.before < 0 || y.lost {
				continue
			}
			key := &t.keys[x.key]
			unread := y.pos < 0 && t.acked(b) && !key.register && !key.odd && x.before == key.length
			if y.pos >= x.before && y.pos < key.cut || unread {
				return proof{x.key, r, w, y.pos == x.before || unread}, true
			}
		}
	}
	return proof{}, false
}

// lostUpdate finds a transaction that read a key, and wrote it after somebody else had.
func (c *cycles) lostUpdate(scope []int32) []hop {
	for _, u := range scope {
		if int(u) >= c.g.txns {
			continue
		}
		for i := range c.t.readsOf(u) {
			if v := c.overtaken(u, &c.t.readsOf(u)[i]); v >= 0 {
				return []hop{{u, v, rw}, {v, u, ww}}
			}
		}
	}
	return nil
}

// overtaken is who wrote a key between a transaction's read of it and its own write; -1: nobody.
func (c *cycles) overtaken(u int32, r *read) int32 {
	if r.seen < 0 || r.before < 0 {
		return -1
	}
	key := &c.t.keys[r.key]
	order := c.t.positions(key)
	for _, own := range c.t.writesBy(u) {
		if own.key != r.key || own.pos >= key.cut {
			continue
		}
		for pos := r.before; pos < own.pos; pos++ {
			if order[pos] < 0 {
				continue
			}
			if v := c.t.writes[order[pos]].txn; v != u && c.member[2][v] == c.scopes[2] {
				return v
			}
		}
	}
	return -1
}

// isLongFork says whether a cycle is two writers and two readers, each of which saw one of the writes and not the other.
func (c *cycles) isLongFork(cycle []hop) bool {
	if len(cycle) != 4 {
		return false
	}
	for i := range cycle {
		k := cycle[i].kind
		if k != wr && k != rw || k == cycle[(i+1)%4].kind {
			return false
		}
	}
	return true
}
