package txn

import "slices"

// branches settles the keys whose reads do not fit one order: what the read sent last saw is the beginning of the order that
// survived, and everything else is judged against it. Only lists are settled here; registers were, by their versions.
func (t *table) branches() {
	for k := range t.keys {
		key := &t.keys[k]
		if !key.odd || key.register {
			continue
		}
		trunk := t.trunk(int32(k))
		for _, w := range t.positions(key) {
			if w >= 0 {
				t.writes[w].pos = -1
			}
		}
		key.longest = trunk
		key.start = int32(len(t.order))
		t.appendOrder(int32(k), t.list(&t.reads[trunk]))
		key.length = int32(len(t.order)) - key.start
		key.cut = key.length
		for _, r := range t.byKey.row(int32(k)) {
			t.reads[r].last = -1
			t.place(&t.reads[r])
		}
	}
}

// trunk is the read that shows most of the order that survived. That is not always the one sent last: a transaction that was sent
// before it may have read after it, and what it saw more is no other order. Reads of an earlier timeline, or that had returned
// before, are asked only if there are no others: what they saw more may be what was lost.
func (t *table) trunk(k int32) int32 {
	key := &t.keys[k]
	if key.latest < 0 {
		return key.longest
	}
	best, bestRank := key.latest, 0
	last := t.reads[key.latest].txn
	begins := t.list(&t.reads[key.latest])
	for _, r := range t.byKey.row(k) {
		in := &t.reads[r]
		list := t.list(in)
		if len(list) <= len(begins) || !slices.Equal(list[:len(begins)], begins) {
			continue
		}
		rank := 1
		if !t.earlier(in.txn, last) && t.when[in.txn].end >= t.when[last].call {
			rank = 2
		}
		was := &t.reads[best]
		switch {
		case rank < bestRank, rank == bestRank && t.earlier(in.txn, was.txn):
		case rank > bestRank, t.earlier(was.txn, in.txn), len(list) > len(t.list(was)):
			best, bestRank = r, rank
		}
	}
	return best
}

// earlier says whether a promotion is between two transactions. Then one is before the other however the clients' times overlap.
func (t *table) earlier(a, b int32) bool {
	x, y := t.when[a].timeline, t.when[b].timeline
	return x > 0 && y > x
}

// sentAfter says whether a transaction was sent after another, by timeline first.
func (t *table) sentAfter(a, b int32) bool {
	if t.earlier(a, b) || t.earlier(b, a) {
		return t.earlier(b, a)
	}
	x, y := &t.when[a], &t.when[b]
	return x.call > y.call || x.call == y.call && x.end > y.end
}

// sighting is when a value was known to be there, and who showed it.
type sighting struct {
	known  duration // at the latest
	reader int32    // a transaction other than the writer that read it; -1: none
}

// sightings looks at every value of one odd key.
func (t *table) sightings(k int32) map[int64]sighting {
	seen := map[int64]sighting{}
	at := func(value int64) sighting {
		if s, ok := seen[value]; ok {
			return s
		}
		return sighting{known: never, reader: -1}
	}
	for _, w := range t.writesOf(k) {
		in := &t.writes[w]
		if s := at(in.value); t.acked(in.txn) {
			s.known = t.ackTime(in.txn)
			seen[in.value] = s
		}
	}
	for _, r := range t.byKey.row(k) {
		in := &t.reads[r]
		end := t.when[in.txn].end
		if t.when[in.txn].standby {
			continue
		}
		for _, value := range t.valuesOf(in) {
			s := at(value)
			s.known = min(s.known, end)
			if w := t.index.find(k, value); s.reader < 0 && w >= 0 && t.writes[w].txn != in.txn {
				s.reader = in.txn
			}
			seen[value] = s
		}
	}
	return seen
}

// valuesOf is what a read saw, of a list or of a register.
func (t *table) valuesOf(r *read) []int64 {
	a := &t.op(r.txn).Txn[r.access]
	if t.keys[r.key].register && a.Value != 0 {
		return []int64{a.Value}
	}
	return a.List
}

// judgeOdd says what is wrong with an odd key.
func (t *table) judgeOdd(k int32, out *direct) {
	key := &t.keys[k]
	seen := t.sightings(k)
	told := map[int64]bool{}
	for _, r := range t.byKey.row(k) {
		in := &t.reads[r]
		if in.seen >= 0 {
			continue
		}
		for _, value := range t.valuesOf(in) {
			w := t.index.find(k, value)
			if w < 0 || t.writes[w].pos >= 0 || told[value] {
				continue
			}
			told[value] = true
			t.offTrunk(key, w, in, seen[value], out)
		}
		if !key.register && !t.when[in.txn].standby {
			t.judgeOrder(key, in, seen, out)
		}
	}
	for _, w := range t.writesOf(k) {
		if in := &t.writes[w]; key.register && in.pos < 0 && in.version > 0 && t.acked(in.txn) && !told[in.value] {
			t.offTrunk(key, w, nil, seen[in.value], out)
		}
	}
}

// offTrunk judges a write that the surviving order does not have although it was acknowledged or seen.
func (t *table) offTrunk(key *keyState, w int32, r *read, s sighting, out *direct) {
	if t.when[t.writes[w].txn].outcome == failed {
		return // an aborted read, which is told as that
	}
	end := t.survivor(key, w)
	if end < 0 || s.known == never {
		return // only a standby showed it
	}
	// What an earlier timeline had and a later one does not have went with the promotion.
	promoted := t.earlier(t.writes[w].txn, end) || r != nil && t.earlier(r.txn, end)
	if s.known < t.when[end].call || promoted {
		out.lost(w, s.reader, end)
		return
	}
	if r != nil {
		out.incompatible(r, end)
	}
}

// survivor is the transaction that shows that a write is gone: the read sent last, or for a register who has its version now.
func (t *table) survivor(key *keyState, w int32) int32 {
	if key.latest >= 0 && t.reads[key.latest].seen >= 0 {
		return t.reads[key.latest].txn
	}
	if !key.register {
		return -1
	}
	for _, other := range t.positions(key) {
		if other >= 0 && t.writes[other].version == t.writes[w].version {
			return t.writes[other].txn
		}
	}
	return -1
}

// judgeOrder judges a list that is not the beginning of the surviving one by what both have.
func (t *table) judgeOrder(key *keyState, r *read, seen map[int64]sighting, out *direct) {
	list, order := t.list(r), t.positions(key)
	if hasTwice(list) {
		out.duplicate(r)
		return
	}
	highest := int32(-1)
	for _, value := range list {
		w := t.index.find(r.key, value)
		if w < 0 || t.writes[w].pos < 0 {
			continue
		}
		if t.writes[w].pos < highest {
			out.incompatible(r, t.reads[key.longest].txn)
			return
		}
		highest = t.writes[w].pos
	}
	for pos, w := range order {
		if w < 0 || slices.Contains(list, t.writes[w].value) {
			continue
		}
		known := seen[t.writes[w].value].known
		missing := known < t.when[r.txn].call
		switch {
		case missing && (int32(pos) < highest || t.newer(r, known) && !t.earlier(r.txn, t.writes[w].txn)):
			out.resurrected(w, r)
			return
		case missing:
			out.stale(r, w)
			return
		case int32(pos) < highest:
			out.incompatible(r, t.reads[key.longest].txn)
			return
		}
	}
}

// newer says whether a read saw a write that began after a moment: then it does not show an old state.
func (t *table) newer(r *read, moment duration) bool {
	for _, value := range t.valuesOf(r) {
		if w := t.index.find(r.key, value); w >= 0 && t.when[t.writes[w].txn].call > moment {
			return true
		}
	}
	return false
}

func hasTwice(list []int64) bool {
	seen := make(map[int64]bool, len(list))
	for _, value := range list {
		if seen[value] {
			return true
		}
		seen[value] = true
	}
	return false
}
