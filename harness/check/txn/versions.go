package txn

import (
	"slices"
	"sort"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// versions finds the order in which the writes of each key happened: from the longest list that was read, or from the version
// column of a register. Keys whose reads do not fit one order are marked odd; branches looks at those.
func (t *table) versions() {
	t.pickReads()
	t.placeUnknown()
	for k := range t.keys {
		key := &t.keys[k]
		key.start = int32(len(t.order))
		if key.register {
			t.registerOrder(int32(k))
		} else {
			t.listOrder(key)
		}
		key.length = int32(len(t.order)) - key.start
		key.cut = key.length
	}
	for r := range t.reads {
		t.place(&t.reads[r])
	}
}

// placeUnknown gives register writes whose answer never came, and with it their timeline, the first timeline that shows them.
func (t *table) placeUnknown() {
	if !t.promoted {
		return
	}
	for r := range t.reads {
		in := &t.reads[r]
		if !t.keys[in.key].register || t.when[in.txn].timeline == 0 {
			continue
		}
		w := t.index.find(in.key, t.op(in.txn).Txn[in.access].Value)
		if w < 0 || t.op(t.writes[w].txn).Timeline != 0 {
			continue
		}
		if by := &t.when[t.writes[w].txn]; by.timeline == 0 || t.when[in.txn].timeline < by.timeline {
			by.timeline = t.when[in.txn].timeline
		}
	}
}

// pickReads finds for each key the longest read and the read on a primary that was sent last, on the last timeline.
func (t *table) pickReads() {
	for r := range t.reads {
		in := &t.reads[r]
		key := &t.keys[in.key]
		if key.longest < 0 || len(t.list(in)) > len(t.list(&t.reads[key.longest])) {
			key.longest = int32(r)
		}
		if t.when[in.txn].standby || key.latest >= 0 && t.sentAfter(t.reads[key.latest].txn, in.txn) {
			continue
		}
		key.latest = int32(r)
	}
}

func (t *table) listOrder(key *keyState) {
	if key.longest < 0 {
		return
	}
	t.appendOrder(t.reads[key.longest].key, t.list(&t.reads[key.longest]))
}

// appendOrder enters values as the order of a key. A value that is there already is a duplicate: it gets no second position.
func (t *table) appendOrder(key int32, values []int64) {
	start := int32(len(t.order))
	for _, value := range values {
		w := t.index.find(key, value)
		if w >= 0 {
			if t.writes[w].pos >= 0 {
				w = -1
			} else {
				t.writes[w].pos = int32(len(t.order)) - start
			}
		}
		t.order = append(t.order, w)
	}
}

// claim is somebody's word that a register had a value at a version.
type claim struct {
	version int64
	value   int64
	evident time.Duration // how late somebody said so: of two values of one version the one said later has survived
}

// registerOrder orders a register's writes by version. Two values of one version make the key odd; the survivor stays.
func (t *table) registerOrder(k int32) {
	claims := t.claims(k)
	sort.Slice(claims, func(i, j int) bool {
		a, b := claims[i], claims[j]
		if a.version != b.version {
			return a.version < b.version
		}
		return a.evident > b.evident || a.evident == b.evident && a.value < b.value
	})
	if kept := t.withoutGone(k, claims); len(kept) < len(claims) {
		t.keys[k].odd = true
		claims = kept
	}
	start := int32(len(t.order))
	for i, c := range claims {
		if i > 0 && claims[i-1].version == c.version {
			if claims[i-1].value != c.value {
				t.keys[k].odd = true
			}
			claims[i].value = claims[i-1].value // all others are compared with the survivor
			continue
		}
		w := t.index.find(k, c.value)
		if w >= 0 && t.writes[w].pos >= 0 {
			t.keys[k].odd = true
			w = -1
		}
		if w >= 0 {
			t.writes[w].pos = int32(len(t.order)) - start
			t.writes[w].version = c.version
		}
		t.order = append(t.order, w)
	}
}

// claims are those of the key's reads and of its acknowledged writes.
func (t *table) claims(k int32) []claim {
	var claims []claim
	for _, r := range t.byKey.row(k) {
		op := t.op(t.reads[r].txn)
		if a := op.Txn[t.reads[r].access]; a.Version > 0 {
			claims = append(claims, claim{a.Version, a.Value, op.Call})
		}
	}
	for _, w := range t.writesOf(k) {
		if in := &t.writes[w]; in.version > 0 && t.acked(in.txn) {
			claims = append(claims, claim{in.version, in.value, t.when[in.txn].call})
		}
	}
	return claims
}

// withoutGone leaves out what a promotion took away: a later timeline read an older version, or wrote this one or an older one
// again, and nobody read the value there. Versions alone do not tell it, because the next ones may never be given again.
func (t *table) withoutGone(k int32, claims []claim) []claim {
	if !t.promoted {
		return claims
	}
	lowest := t.lowestVersions(k)
	kept := make([]claim, 0, len(claims))
	for _, c := range claims {
		w := t.index.find(k, c.value)
		if w < 0 || !t.goneWith(lowest, k, w, c.version) {
			kept = append(kept, c)
		}
	}
	return kept
}

// lowestVersions are, for each timeline of a primary, the lowest version that the key was shown to have on it.
func (t *table) lowestVersions(k int32) map[pg.Timeline]int64 {
	lowest := map[pg.Timeline]int64{}
	see := func(txn int32, version int64) {
		if at := &t.when[txn]; at.timeline > 0 && !at.standby {
			if before, ok := lowest[at.timeline]; !ok || version < before {
				lowest[at.timeline] = version
			}
		}
	}
	for _, r := range t.byKey.row(k) {
		in := &t.reads[r]
		see(in.txn, t.op(in.txn).Txn[in.access].Version)
	}
	for _, w := range t.writesOf(k) {
		if in := &t.writes[w]; in.version > 0 && t.acked(in.txn) {
			see(in.txn, in.version-1)
		}
	}
	return lowest
}

// goneWith says whether a write of a version is gone on a later timeline.
func (t *table) goneWith(lowest map[pg.Timeline]int64, k, w int32, version int64) bool {
	wrote := t.when[t.writes[w].txn].timeline
	gone := false
	for timeline, low := range lowest {
		gone = gone || wrote > 0 && timeline > wrote && low < version
	}
	if !gone {
		return false
	}
	for _, r := range t.byKey.row(k) {
		if in := &t.reads[r]; t.earlier(t.writes[w].txn, in.txn) && t.op(in.txn).Txn[in.access].Value == t.writes[w].value {
			return false
		}
	}
	return true
}

// writesOf are the writes of a key. The table of them is made when it is first needed: histories of lists never need it.
func (t *table) writesOf(k int32) []int32 {
	if t.writers.start == nil {
		t.writers = group(len(t.keys), len(t.writes), func(w int32) int32 { return t.writes[w].key })
	}
	return t.writers.row(k)
}

// place says how much of the key's order a read saw.
func (t *table) place(r *read) {
	key := &t.keys[r.key]
	if key.register {
		t.placeRegister(key, r)
		return
	}
	list := t.list(r)
	order := t.positions(key)
	r.seen = int32(len(list))
	if len(list) > len(order) || !t.fits(key, list) {
		r.seen, key.odd = -1, true
		t.lastOf(r, list)
		return
	}
	r.before = t.withoutOwn(r, order[:r.seen])
	if r.before > 0 {
		r.last = order[r.before-1]
	}
}

// fits says whether a list is the beginning of the longest one.
func (t *table) fits(key *keyState, list []int64) bool {
	longest := t.list(&t.reads[key.longest])
	return slices.Equal(longest[:len(list)], list)
}

// withoutOwn leaves out what the reading transaction wrote itself, at the end.
func (t *table) withoutOwn(r *read, seen []int32) int32 {
	n := len(seen)
	for n > 0 && seen[n-1] >= 0 && t.writes[seen[n-1]].txn == r.txn {
		n--
	}
	return int32(n)
}

// lastOf finds the last write seen of a list that does not fit.
func (t *table) lastOf(r *read, list []int64) {
	for i := len(list) - 1; i >= 0; i-- {
		w := t.index.find(r.key, list[i])
		if w < 0 || t.writes[w].txn != r.txn {
			r.last = w
			return
		}
	}
}

func (t *table) placeRegister(key *keyState, r *read) {
	a := &t.op(r.txn).Txn[r.access]
	if a.Version == 0 && a.Value == 0 {
		return // the row was not there yet: it saw no position
	}
	w := t.index.find(r.key, a.Value)
	r.seen, r.last = -1, w
	if w >= 0 && t.writes[w].pos >= 0 {
		r.seen = t.writes[w].pos + 1
		if a.Version != 0 && t.writes[w].version != a.Version {
			r.seen, key.odd = -1, true
		}
	}
	if r.seen < 0 {
		key.odd = key.odd || a.Version > 0
		return
	}
	r.before = r.seen
	if t.writes[w].txn == r.txn {
		r.before, r.last = -1, -1 // unlike a list, a register hides what was before the own write
	}
}
