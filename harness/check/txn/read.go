package txn

import (
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Malformed says that a history cannot be judged, and where.
type Malformed struct {
	Op   int // index in the run's operations
	Line int // of the file; 0: not known
	Why  string
}

// Error names the line, or the operation if there is no file.
func (m *Malformed) Error() string {
	if m.Line > 0 {
		return fmt.Sprintf("line %d: %s", m.Line, m.Why)
	}
	return fmt.Sprintf("operation %d: %s", m.Op, m.Why)
}

// clientKey is one session of one workload.
type clientKey struct {
	workload string
	client   int
}

type reader struct {
	t    *table
	keys map[string]map[string]int32 // workload -> key -> number
	who  map[clientKey]int32         // client -> number
	last []int32                     // client -> its transaction before
	// timeline is the highest seen so far.
	timeline pg.Timeline
}

// newTable numbers the transactions of a history, or says which line is not well-formed.
func newTable(ops []history.Op) (*table, error) {
	t := &table{ops: ops}
	t.count()
	in := reader{t: t, keys: map[string]map[string]int32{}, who: map[clientKey]int32{}}
	for i := range ops {
		if !Selected(&ops[i]) {
			continue
		}
		if err := in.transaction(int32(i)); err != nil {
			return nil, &Malformed{Op: i, Line: ops[i].Line, Why: err.Error()}
		}
	}
	t.readAt, t.writeAt = append(t.readAt, int32(len(t.reads))), append(t.writeAt, int32(len(t.writes)))
	t.clients = len(in.last)
	var twice int32
	if t.index, twice = newValueIndex(len(t.keys), t.writes); twice >= 0 {
		return nil, t.writtenTwice(twice)
	}
	t.byKey = group(len(t.keys), len(t.reads), func(r int32) int32 { return t.reads[r].key })
	return t, nil
}

// writtenTwice refuses a history in which a value of a key was written before.
func (t *table) writtenTwice(w int32) *Malformed {
	in := &t.writes[w]
	number := int(t.txns[in.txn])
	first := t.op(t.writes[t.index.find(in.key, in.value)].txn)
	return &Malformed{Op: number, Line: t.ops[number].Line, Why: fmt.Sprintf("access %d: value %d of key %q was already written by client %d, operation %d: values must be unique",
		in.access+1, in.value, t.keys[in.key].name, first.Client, first.Seq)}
}

// count makes room at once: growing these slices step by step would need twice the memory.
func (t *table) count() {
	var txns, reads, writes int
	for i := range t.ops {
		if !Selected(&t.ops[i]) {
			continue
		}
		txns++
		for a := range t.ops[i].Txn {
			if t.ops[i].Txn[a].Write {
				writes++
			} else {
				reads++
			}
		}
	}
	t.txns, t.level, t.live = make([]int32, 0, txns), make([]Level, 0, txns), make([]bool, 0, txns)
	t.when = make([]when, 0, txns)
	t.reads, t.writes = make([]read, 0, reads), make([]write, 0, writes)
	t.readAt, t.writeAt = make([]int32, 0, txns+1), make([]int32, 0, txns+1)
}

func (in *reader) transaction(number int32) error {
	t := in.t
	op := &t.ops[number]
	client, known := in.who[clientKey{op.Workload, op.Client}]
	if !known {
		client = int32(len(in.last))
		in.who[clientKey{op.Workload, op.Client}] = client
		in.last = append(in.last, -1)
	}
	if err := in.wellFormed(op, in.last[client]); err != nil {
		return err
	}
	level, err := ParseLevel(op.Isolation)
	if err != nil {
		return err
	}
	txn := int32(len(t.txns))
	t.txns = append(t.txns, number)
	t.level = append(t.level, level)
	t.promoted = t.promoted || op.Timeline > 0 && in.timeline > 0 && op.Timeline != in.timeline
	in.timeline = max(in.timeline, op.Timeline)
	acked := op.Outcome == history.OK || op.Outcome == history.LocalOnly
	t.live = append(t.live, acked)
	t.when = append(t.when, when{op.Call, op.Return, op.Timeline, op.Outcome, acked, op.Standby, client})
	in.last[client] = txn
	keys := in.keys[op.Workload]
	if keys == nil {
		keys = map[string]int32{}
		in.keys[op.Workload] = keys
	}
	first := len(t.writes)
	t.readAt, t.writeAt = append(t.readAt, int32(len(t.reads))), append(t.writeAt, int32(first))
	for a := range op.Txn {
		if err := in.access(txn, uint16(a), &op.Txn[a], keys, acked); err != nil {
			return fmt.Errorf("access %d: %w", a+1, err)
		}
	}
	markLast(t.writes[first:])
	return nil
}

// wellFormed looks at an operation and at the client's transaction before it; -1: there is none.
func (in *reader) wellFormed(op *history.Op, before int32) error {
	switch {
	case op.Outcome > history.LocalOnly:
		return fmt.Errorf("outcome %d is none of the four", op.Outcome)
	case op.Return < op.Call:
		return fmt.Errorf("returned at %v, before it was sent at %v", op.Return, op.Call)
	case len(op.Txn) > 4096:
		return fmt.Errorf("%d accesses in one transaction", len(op.Txn))
	}
	if before >= 0 {
		if b := &in.t.when[before]; op.Call < b.end {
			return fmt.Errorf("client %d sent it at %v, before its operation of %v had returned at %v", op.Client, op.Call, b.call, b.end)
		}
	}
	return nil
}

func (in *reader) access(txn int32, number uint16, a *history.Access, keys map[string]int32, acked bool) error {
	t := in.t
	if a.Key == "" {
		return fmt.Errorf("no key")
	}
	if a.Version < 0 {
		return fmt.Errorf("version %d of key %q", a.Version, a.Key)
	}
	key, ok := keys[a.Key]
	if !ok {
		key = int32(len(t.keys))
		keys[a.Key] = key
		t.keys = append(t.keys, keyState{name: a.Key, longest: -1, latest: -1})
	}
	if err := t.decideType(&t.keys[key], a); err != nil {
		return err
	}
	if !a.Write {
		if acked {
			t.reads = append(t.reads, read{txn: txn, key: key, access: number, last: -1})
		}
		return nil
	}
	t.writes = append(t.writes, write{txn: txn, key: key, value: a.Value, version: a.Version, access: number, pos: -1})
	return nil
}

// decideType finds out whether a key holds a list or a register: an access of the other kind is an error. An append and a
// register write without a version look alike, and so do reads of nothing: those do not decide.
func (t *table) decideType(k *keyState, a *history.Access) error {
	if len(a.List) > 0 && (a.Write || a.Value != 0 || a.Version != 0) {
		return fmt.Errorf("key %q: a list beside a value or version", a.Key)
	}
	register := a.Version != 0 || !a.Write && a.Value != 0
	if !register && len(a.List) == 0 {
		return nil
	}
	if k.typed && k.register != register {
		return fmt.Errorf("key %q holds a list here and a register elsewhere", a.Key)
	}
	k.typed, k.register = true, register
	return nil
}

// markLast marks the last write to each key among those of one transaction.
func markLast(writes []write) {
	for i := range writes {
		writes[i].last = true
		for j := range i {
			if writes[j].key == writes[i].key {
				writes[j].last = false
			}
		}
	}
}
