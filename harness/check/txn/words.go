package txn

import (
	"fmt"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// add counts what the level of one transaction decides.
func (d *direct) add(name Anomaly, txn int32, build func() Finding) {
	d.out.add(name, d.t.level[txn] >= name.forbiddenFrom(), build)
}

// always counts what no level allows.
func (d *direct) always(name Anomaly, build func() Finding) { d.out.add(name, true, build) }

// timed counts what only real time forbids.
func (d *direct) timed(name Anomaly, txn int32, build func() Finding) {
	d.out.add(name, d.realTime || d.t.level[txn] == Strict, build)
}

// finding makes one of transactions that take part.
func (d *direct) finding(at duration, why string, txns ...int32) Finding {
	f := Finding{Why: why, At: at}
	for _, txn := range txns {
		if txn >= 0 {
			f.Ops = append(f.Ops, int(d.t.txns[txn]))
		}
	}
	return f
}

func (d *direct) garbage(r *read, value int64) {
	d.always(Garbage, func() Finding {
		op := d.t.op(r.txn)
		return d.finding(op.Return, fmt.Sprintf("%s read %d from key %q, which nobody wrote", Who(op), value, d.t.keys[r.key].name), r.txn)
	})
}

func (d *direct) duplicate(r *read) {
	d.always(Duplicated, func() Finding {
		op := d.t.op(r.txn)
		return d.finding(op.Return, fmt.Sprintf("%s read key %q as %s: a value that was appended once is there twice",
			Who(op), d.t.keys[r.key].name, shortList(d.t.list(r))), r.txn)
	})
}

func (d *direct) rewritten(r *read, w int32) {
	d.always(Duplicated, func() Finding {
		op, in := d.t.op(r.txn), &d.t.writes[w]
		return d.finding(op.Return, fmt.Sprintf("%s read key %q as %s, and that value, written once by %s, was version %d before: it is there twice",
			Who(op), d.t.keys[r.key].name, shown(&op.Txn[r.access]), Who(d.t.op(in.txn)), in.version), r.txn, in.txn)
	})
}

func (d *direct) abortedRead(r *read, w int32) Finding {
	op, by := d.t.op(r.txn), d.t.op(d.t.writes[w].txn)
	return d.finding(op.Return, fmt.Sprintf("%s read %d from key %q, written by %s, which failed (%s)",
		Who(op), d.t.writes[w].value, d.t.keys[r.key].name, Who(by), orElse(by.SQLState, "rolled back")), r.txn, d.t.writes[w].txn)
}

func (d *direct) intermediate(r *read) Finding {
	op, w := d.t.op(r.txn), &d.t.writes[r.last]
	return d.finding(op.Return, fmt.Sprintf("%s read key %q as of %d, a state inside %s, which wrote the key again",
		Who(op), d.t.keys[r.key].name, w.value, Who(d.t.op(w.txn))), r.txn, w.txn)
}

func (d *direct) notOwn(r *read, w int32) Finding {
	op := d.t.op(r.txn)
	return d.finding(op.Return, fmt.Sprintf("%s read key %q as %s, which does not agree with its own write of %d in access %d",
		Who(op), d.t.keys[r.key].name, shown(&op.Txn[r.access]), d.t.writes[w].value, d.t.writes[w].access+1), r.txn)
}

func (d *direct) changed(before, after *read) Finding {
	op := d.t.op(after.txn)
	return d.finding(op.Return, fmt.Sprintf("%s read key %q as %s and then as %s", Who(op), d.t.keys[after.key].name,
		shown(&op.Txn[before.access]), shown(&op.Txn[after.access])), after.txn)
}

func (d *direct) incompatible(r *read, other int32) {
	d.always(Incompatible, func() Finding {
		op := d.t.op(r.txn)
		return d.finding(op.Return, fmt.Sprintf("%s read key %q as %s, and %s read it in an order of writes that cannot be the same",
			Who(op), d.t.keys[r.key].name, shown(&op.Txn[r.access]), Who(d.t.op(other))), r.txn, other)
	})
}

func (d *direct) resurrected(w int32, r *read) {
	d.always(Resurrected, func() Finding {
		op, by := d.t.op(r.txn), d.t.op(d.t.writes[w].txn)
		return d.finding(op.Return, fmt.Sprintf("%d of key %q, written by %s, was gone when %s read %s, and was there again later",
			d.t.writes[w].value, d.t.keys[r.key].name, Who(by), Who(op), shown(&op.Txn[r.access])), d.t.writes[w].txn, r.txn)
	})
}

func (d *direct) stale(r *read, w int32) {
	d.timed(Stale, r.txn, func() Finding {
		op, in := d.t.op(r.txn), &d.t.writes[w]
		return d.finding(op.Return, fmt.Sprintf("%s, sent at %s, read key %q as %s, without %d, which %s had written: it was there by %s",
			Who(op), clock(op.Call), d.t.keys[r.key].name, shown(&op.Txn[r.access]), in.value, Who(d.t.op(in.txn)),
			clock(d.t.known[d.t.keys[r.key].start+max(in.pos, 0)])), r.txn, in.txn)
	})
}

func (d *direct) reordered(key *keyState, w, next int32) {
	t := d.t
	moment := t.known[key.start+next]
	for next+1 < key.cut && t.known[key.start+next+1] == moment {
		next++
	}
	other := t.positions(key)[next]
	if other < 0 {
		return
	}
	d.timed(Reordered, t.writes[w].txn, func() Finding {
		op := t.op(t.writes[w].txn)
		return d.finding(op.Return, fmt.Sprintf("%s wrote %d to key %q before %d of %s in the order of the key, though it was sent at %s and the other was there by %s",
			Who(op), t.writes[w].value, key.name, t.writes[other].value, Who(t.op(t.writes[other].txn)), clock(op.Call), clock(moment)),
			t.writes[w].txn, t.writes[other].txn)
	})
}

// tellLost names the lost writes: budget is how many may be lost, negative any number.
func (d *direct) tellLost(budget int) {
	count := 0
	for i, w := range d.gone {
		if d.lossName(i, w) != LocalLost {
			count++
		}
	}
	isError := budget >= 0 && count > budget
	for i, w := range d.gone {
		name := d.lossName(i, w)
		d.out.add(name, isError && name != LocalLost, func() Finding { return d.loss(w, d.readers[i], d.evidence[i]) })
	}
}

// lostValues are the lost writes by their keys.
func (d *direct) lostValues() map[Key]map[int64]bool {
	keys := map[Key]map[int64]bool{}
	for _, w := range d.gone {
		in := &d.t.writes[w]
		key := Key{d.t.op(in.txn).Workload, d.t.keys[in.key].name}
		if keys[key] == nil {
			keys[key] = map[int64]bool{}
		}
		keys[key][in.value] = true
	}
	return keys
}

func (d *direct) lossName(i int, w int32) Anomaly {
	switch {
	case d.readers[i] >= 0:
		return VisibleLost
	case d.t.op(d.t.writes[w].txn).Outcome == history.LocalOnly:
		return LocalLost
	}
	return Lost
}

func (d *direct) loss(w, reader, end int32) Finding {
	t := d.t
	in := &t.writes[w]
	by, gone := t.op(in.txn), t.op(end)
	var text strings.Builder
	fmt.Fprintf(&text, "%d of key %q, written by %s (%s at %s)", in.value, t.keys[in.key].name, Who(by), by.Outcome, clock(by.Return))
	if reader >= 0 {
		fmt.Fprintf(&text, ", was read by %s at %s and", Who(t.op(reader)), clock(t.op(reader).Return))
	}
	fmt.Fprintf(&text, " is missing from what %s read, sent at %s", Who(gone), clock(gone.Call))
	return d.finding(by.Return, text.String(), in.txn, reader, end)
}

func (d *direct) torn(w, own, end, later int32) Finding {
	t := d.t
	return d.finding(t.op(end).Call, fmt.Sprintf("%s wrote %d to key %q, which is lost, and %d to key %q, which was still there afterwards",
		Who(t.op(t.writes[w].txn)), t.writes[w].value, t.keys[t.writes[w].key].name, t.writes[own].value, t.keys[t.writes[own].key].name),
		t.writes[w].txn, end, later)
}

// Who names an operation: client, number, node and timeline.
func Who(op *history.Op) string {
	name := fmt.Sprintf("client %d's operation %d", op.Client, op.Seq)
	if op.Node == "" {
		return name
	}
	name += " on " + op.Node
	if op.Timeline != 0 {
		name += fmt.Sprintf(" (timeline %d)", op.Timeline)
	}
	return name
}

// shown is what a read returned.
func shown(a *history.Access) string {
	if a.Version != 0 || a.Value != 0 {
		return fmt.Sprintf("%d (version %d)", a.Value, a.Version)
	}
	return shortList(a.List)
}

// shortList shows the end of a long list: that is where reads differ.
func shortList(list []int64) string {
	const most = 8
	if len(list) <= most {
		return strings.Join(strings.Fields(fmt.Sprint(list)), " ")
	}
	return fmt.Sprintf("[... %s", strings.TrimPrefix(fmt.Sprint(list[len(list)-most:]), "["))
}

func clock(at time.Duration) string { return fmt.Sprintf("%.6fs", at.Seconds()) }

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
