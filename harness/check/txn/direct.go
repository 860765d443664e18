package txn

// direct judges what is seen without following a cycle.
type direct struct {
	t        *table
	out      *findings
	realTime bool    // the database promises that a read sees what was acknowledged before it was sent
	gone     []int32 // lost writes, in the order found
	evidence []int32 // for each: a transaction that did not see it any more
	readers  []int32 // for each: a transaction that had seen it; -1: none
	undated  int     // acknowledged writes that nobody read after: nothing is known of them
}

// judge looks at every key, read and write. Loss comes first: what is lost takes no part in any order afterwards.
func (d *direct) judge() {
	for k := range d.t.keys {
		if d.t.keys[k].odd {
			d.t.judgeOdd(int32(k), d)
		}
		d.lostTail(int32(k))
		d.lostUnseen(int32(k))
	}
	for k := range d.t.keys {
		d.orderOf(int32(k))
	}
	for r := range d.t.reads {
		d.read(&d.t.reads[r])
	}
	d.internal()
	d.fractured()
}

// lostTail finds what the read sent last does not have although it was known to be there, and nobody saw it after.
func (d *direct) lostTail(k int32) {
	t := d.t
	key := &t.keys[k]
	if key.latest < 0 {
		return
	}
	latest := &t.reads[key.latest]
	if latest.seen < 0 || latest.seen >= key.length || !t.before(key, key.length-1, latest.txn) {
		return
	}
	reader := make([]int32, key.length) // who saw each position, other than its writer
	for i := range reader {
		reader[i] = -1
	}
	for _, r := range t.byKey.row(k) {
		in := &t.reads[r]
		if in.seen <= latest.seen || t.when[in.txn].standby {
			continue
		}
		if t.when[in.txn].end > t.when[latest.txn].end && !t.earlier(in.txn, latest.txn) {
			return // it was seen after: the last read is stale
		}
		for pos := latest.seen; pos < in.seen; pos++ {
			if w := t.positions(key)[pos]; w >= 0 && t.writes[w].txn != in.txn {
				reader[pos] = in.txn
			}
		}
	}
	key.cut = latest.seen
	for pos := key.cut; pos < key.length; pos++ {
		if w := t.positions(key)[pos]; w >= 0 && t.live[t.writes[w].txn] {
			d.lost(w, reader[pos], latest.txn)
		}
	}
}

// before says whether a position was certainly there before a transaction was sent, or before the promotion to its timeline.
func (t *table) before(key *keyState, pos int32, txn int32) bool {
	known := t.known[key.start+pos]
	w := t.positions(key)[pos]
	return known < t.when[txn].call || known != never && w >= 0 && t.earlier(t.writes[w].txn, txn)
}

// lostUnseen finds acknowledged writes that no read has although one was sent later.
func (d *direct) lostUnseen(k int32) {
	t := d.t
	key := &t.keys[k]
	for _, w := range t.unseen.row(k) {
		in := &t.writes[w]
		if in.lost {
			continue
		}
		if key.latest < 0 || t.when[in.txn].standby {
			d.undated++
			continue
		}
		end := t.reads[key.latest].txn
		if t.ackTime(in.txn) >= t.when[end].call && !t.earlier(in.txn, end) {
			d.undated++
			continue
		}
		d.lost(w, -1, end)
	}
}

func (d *direct) lost(w, reader, end int32) {
	if d.t.writes[w].lost {
		return
	}
	d.t.writes[w].lost = true
	d.gone, d.readers, d.evidence = append(d.gone, w), append(d.readers, reader), append(d.evidence, end)
}

// orderOf looks at the order of one key: values that nobody wrote, duplicates, and real time.
func (d *direct) orderOf(k int32) {
	t := d.t
	key := &t.keys[k]
	order := t.positions(key)
	for pos, w := range order {
		if w < 0 {
			d.orphan(key, int32(pos))
			continue
		}
		next := int32(pos) + 1
		if next >= key.cut || t.when[t.writes[w].txn].standby {
			continue
		}
		if began := t.when[t.writes[w].txn].call; t.known[key.start+next] < began {
			d.reordered(key, w, next)
		}
	}
}

// orphan is a position that no write stands for: a value read that was not written, or one that is there twice.
func (d *direct) orphan(key *keyState, pos int32) {
	if key.register || key.longest < 0 {
		return // told with the read
	}
	r := &d.t.reads[key.longest]
	if d.t.index.find(r.key, d.t.list(r)[pos]) < 0 {
		d.garbage(r, d.t.list(r)[pos])
		return
	}
	d.duplicate(r)
}

// read judges one read by itself.
func (d *direct) read(r *read) {
	t := d.t
	key := &t.keys[r.key]
	if w := d.aborted(key, r); w >= 0 {
		d.add(G1a, r.txn, func() Finding { return d.abortedRead(r, w) })
	}
	if r.last >= 0 && !t.writes[r.last].last && t.writes[r.last].txn != r.txn {
		d.add(G1b, r.txn, func() Finding { return d.intermediate(r) })
	}
	if key.register {
		d.registerRead(r)
	} else if r.seen < 0 {
		for _, value := range t.list(r) {
			if t.index.find(r.key, value) < 0 {
				d.garbage(r, value)
				break
			}
		}
	}
	if r.seen < 0 || r.seen >= key.cut || t.when[r.txn].standby || t.known[key.start+r.seen] >= t.when[r.txn].call {
		return
	}
	d.missed(key, r)
}

// registerRead looks for a value that nobody wrote, and for one that has another version than its write: it was written twice.
func (d *direct) registerRead(r *read) {
	t := d.t
	a := &t.op(r.txn).Txn[r.access]
	if a.Value == 0 {
		return
	}
	w := t.index.find(r.key, a.Value)
	switch {
	case w < 0:
		d.garbage(r, a.Value)
	case t.writes[w].pos >= 0 && a.Version > 0 && a.Version != t.writes[w].version:
		d.rewritten(r, w)
	}
}

// missed is a read that does not have what was known to be there before it was sent.
func (d *direct) missed(key *keyState, r *read) {
	t := d.t
	pos := r.seen
	moment := t.known[key.start+pos]
	for pos+1 < key.cut && t.known[key.start+pos+1] == moment {
		pos++
	}
	w := t.positions(key)[pos]
	if w < 0 {
		return
	}
	wrote, here := t.when[t.writes[w].txn].timeline, t.when[r.txn].timeline
	if t.newer(r, moment) || wrote != 0 && here > wrote {
		d.resurrected(w, r)
		return
	}
	d.stale(r, w)
}

// aborted is a write of a failed transaction that a read has; -1: none.
func (d *direct) aborted(key *keyState, r *read) int32 {
	t := d.t
	if !key.register && r.seen >= 0 {
		if r.seen <= key.aborted {
			return -1
		}
		return t.positions(key)[key.aborted]
	}
	for _, value := range t.valuesOf(r) {
		if w := t.index.find(r.key, value); w >= 0 && t.when[t.writes[w].txn].outcome == failed {
			return w
		}
	}
	return -1
}

// internal looks at transactions that touch a key more than once. Reads and writes are in the order of transactions.
func (d *direct) internal() {
	t := d.t
	w := 0
	for i := range t.reads {
		r := &t.reads[i]
		for w < len(t.writes) && t.writes[w].txn < r.txn {
			w++
		}
		for own := w; own < len(t.writes) && t.writes[own].txn == r.txn; own++ {
			if t.writes[own].key == r.key && !d.agrees(r, &t.writes[own]) {
				d.add(Internal, r.txn, func() Finding { return d.notOwn(r, int32(own)) })
				break
			}
		}
		for j := i - 1; j >= 0 && t.reads[j].txn == r.txn; j-- {
			other := &t.reads[j]
			if other.key != r.key {
				continue
			}
			if other.seen >= 0 && r.seen >= 0 && other.before >= 0 && r.before >= 0 && other.before != r.before {
				d.add(NonRepeated, r.txn, func() Finding { return d.changed(other, r) })
			}
			break
		}
	}
}

// agrees says whether a read fits a write of its own transaction: seen if it came before, not seen if it came after.
func (d *direct) agrees(r *read, own *write) bool {
	t := d.t
	if t.keys[r.key].register {
		value := t.op(r.txn).Txn[r.access].Value
		if own.access > r.access {
			return value != own.value
		}
		return value == own.value || d.overwritten(r, own)
	}
	sees := own.pos >= 0 && own.pos < r.seen
	if r.seen < 0 {
		for _, value := range t.list(r) {
			sees = sees || value == own.value
		}
	}
	return sees == (own.access < r.access)
}

// overwritten says whether the transaction wrote the register again before it read it.
func (d *direct) overwritten(r *read, own *write) bool {
	op := d.t.op(r.txn)
	for a := own.access + 1; a < r.access; a++ {
		if op.Txn[a].Write && op.Txn[a].Key == op.Txn[r.access].Key {
			return true
		}
	}
	return false
}

// showsAfter is a transaction that was sent no earlier than another and shows that a write was still there; -1: none. A list shows all
// that was written; of a register only a read of that very value counts, because what was lost may have had the version before.
func (d *direct) showsAfter(w *write, evidence int32) int32 {
	t := d.t
	key := &t.keys[w.key]
	if !key.register {
		if later := &t.reads[key.latest]; later.seen > w.pos && !t.sentAfter(evidence, later.txn) {
			return later.txn
		}
		return -1
	}
	for _, r := range t.byKey.row(w.key) {
		if in := &t.reads[r]; in.seen == w.pos+1 && !t.when[in.txn].standby && !t.sentAfter(evidence, in.txn) {
			return in.txn
		}
	}
	return -1
}

// fractured finds transactions of which one write is lost and another one was still there afterwards.
func (d *direct) fractured() {
	t := d.t
	for i, w := range d.gone {
		txn := t.writes[w].txn
		for at := int(w); at > 0 && t.writes[at-1].txn == txn; at-- {
			w = int32(at - 1)
		}
		for own := w; int(own) < len(t.writes) && t.writes[own].txn == txn; own++ {
			in := &t.writes[own]
			key := &t.keys[in.key]
			if in.lost || in.pos < 0 || in.pos >= key.cut || key.latest < 0 {
				continue
			}
			if later := d.showsAfter(in, d.evidence[i]); later >= 0 {
				d.always(Fractured, func() Finding { return d.torn(d.gone[i], own, d.evidence[i], later) })
				break
			}
		}
	}
}
