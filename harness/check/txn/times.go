package txn

// settle finds which transactions count as committed, when each position was known to be there, and which writes no read has.
func (t *table) settle() {
	t.resolveUnknown()
	t.known = make([]duration, len(t.order))
	for k := range t.keys {
		t.knownTimes(int32(k))
	}
	t.unseen = group(len(t.keys), len(t.writes), func(w int32) int32 {
		in := &t.writes[w]
		if in.pos >= 0 || in.lost || !t.acked(in.txn) || t.keys[in.key].register {
			return -1
		}
		return in.key
	})
}

// resolveUnknown counts an Unknown transaction as committed once a write of it was seen.
func (t *table) resolveUnknown() {
	see := func(w int32) {
		if w >= 0 && t.when[t.writes[w].txn].outcome == unknown {
			t.live[t.writes[w].txn] = true
		}
	}
	for _, w := range t.order {
		see(w)
	}
	for r := range t.reads {
		in := &t.reads[r]
		if in.seen >= 0 {
			continue
		}
		see(in.last)
		for _, value := range t.list(in) {
			see(t.index.find(in.key, value))
		}
	}
}

// knownTimes fills in when each position was there at the latest: when its writer was acknowledged, or a read on a primary that
// saw it returned, or a later position was there. What only a standby showed does not count: with a synchronous standby it
// shows a commit before the primary does.
func (t *table) knownTimes(k int32) {
	key := &t.keys[k]
	known := t.known[key.start : key.start+key.length]
	key.aborted = key.length
	for i, w := range t.positions(key) {
		known[i] = never
		if w >= 0 && t.when[t.writes[w].txn].outcome == failed {
			key.aborted = min(key.aborted, int32(i))
		}
		if w >= 0 && !t.when[t.writes[w].txn].standby {
			known[i] = t.ackTime(t.writes[w].txn)
		}
	}
	for _, r := range t.byKey.row(k) {
		in := &t.reads[r]
		if at := &t.when[in.txn]; in.seen > 0 && !at.standby {
			known[in.seen-1] = min(known[in.seen-1], at.end)
		}
	}
	for i := len(known) - 2; i >= 0; i-- {
		known[i] = min(known[i], known[i+1])
	}
}
