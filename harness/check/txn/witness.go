package txn

import (
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Shown is how many transactions of a cycle a witness has at most.
const Shown = 8

// finding explains a cycle.
func (c *cycles) finding(cycle []hop) Finding {
	var f Finding
	shown := cycle
	if len(cycle) > Shown {
		f.Omitted = len(cycle) - Shown
		shown = append(append([]hop(nil), cycle[:Shown/2]...), cycle[len(cycle)-Shown/2:]...)
	}
	for _, h := range shown {
		op := c.t.op(h.from)
		f.Steps = append(f.Steps, c.step(h))
		f.Ops = append(f.Ops, int(c.t.txns[h.from]))
		f.At = max(f.At, op.Return)
	}
	f.Why = c.why(cycle)
	return f
}

// why says in one sentence what the cycle means.
func (c *cycles) why(cycle []hop) string {
	var who []string
	for i, h := range cycle {
		if i == Shown {
			who = append(who, "...")
			break
		}
		who = append(who, Who(c.t.op(h.from)))
	}
	count := [5]int{}
	for _, h := range cycle {
		count[h.kind]++
	}
	var kinds []string
	for k, n := range count {
		if n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, kindNames[k]))
		}
	}
	return fmt.Sprintf("each of %d transactions must come before the next and the last before the first (%s): %s",
		len(cycle), strings.Join(kinds, ", "), strings.Join(who, " -> "))
}

func (c *cycles) step(h hop) Step {
	t := c.t
	s := Step{From: int(t.txns[h.from]), To: int(t.txns[h.to]), Kind: kindNames[h.kind]}
	p, ok := t.evidence(h.from, h.to, h.kind)
	switch {
	case h.kind == sess:
		s.Reason = fmt.Sprintf("client %d ran the first before the second", t.op(h.from).Client)
	case h.kind == rt:
		s.Reason = fmt.Sprintf("the first was acknowledged at %s, before the second was sent at %s", clock(t.op(h.from).Return), clock(t.op(h.to).Call))
	case !ok:
		s.Reason = "both touched one key"
	default:
		s.Reason, s.SQL = t.reason(p, h.kind)
	}
	return s
}

// reason puts a proof in words, with the statement of the first transaction that it is about.
func (t *table) reason(p proof, k kind) (reason, sql string) {
	key := t.keys[p.key].name
	switch k {
	case ww:
		from, to := &t.writes[p.from], &t.writes[p.to]
		return fmt.Sprintf("the first wrote %d to key %q, and the second wrote %d %s", from.value, key, to.value, after(p.direct)),
			statement(t.op(from.txn), from.access)
	case wr:
		from, to := &t.writes[p.from], &t.reads[p.to]
		saw := &t.op(to.txn).Txn[to.access]
		if p.direct || !t.keys[p.key].register {
			return fmt.Sprintf("the first wrote %d to key %q, and the second saw it: %s", from.value, key, shown(saw)), statement(t.op(from.txn), from.access)
		}
		return fmt.Sprintf("the first wrote %d to key %q, and the second saw a later version: %s", from.value, key, shown(saw)), statement(t.op(from.txn), from.access)
	}
	from, to := &t.reads[p.from], &t.writes[p.to]
	saw := &t.op(from.txn).Txn[from.access]
	return fmt.Sprintf("the first read key %q as %s, and the second wrote %d %s", key, shown(saw), to.value, after(p.direct)), statement(t.op(from.txn), from.access)
}

func after(direct bool) string {
	if direct {
		return "next"
	}
	return "later"
}

// Did says in a line what a transaction did, with the SQL where it was recorded.
func Did(op *history.Op) string {
	var parts []string
	for i := range op.Txn {
		a := &op.Txn[i]
		text := effect(a)
		if a.SQL != "" {
			text += " by " + a.SQL
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// statement is the SQL as it was sent, or what it did if that was not recorded.
func statement(op *history.Op, access uint16) string {
	if a := &op.Txn[access]; a.SQL != "" {
		return a.SQL
	}
	return effect(&op.Txn[access])
}

// effect is what an access did.
func effect(a *history.Access) string {
	switch {
	case !a.Write:
		return fmt.Sprintf("read(%s) -> %s", a.Key, shown(a))
	case a.Version != 0:
		return fmt.Sprintf("write(%s, %d) -> version %d", a.Key, a.Value, a.Version)
	}
	return fmt.Sprintf("write(%s, %d)", a.Key, a.Value)
}
