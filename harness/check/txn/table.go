package txn

import (
	"math"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

type duration = time.Duration

const (
	never   = duration(math.MaxInt64)
	unknown = history.Unknown
	failed  = history.Failed
)

// write is one access that wrote, also of a transaction that failed.
type write struct {
	value   int64
	version int64 // as recorded; 0: none
	txn     int32
	key     int32
	pos     int32 // in the key's order; -1: not there
	access  uint16
	last    bool // of its transaction to this key
	lost    bool // gone for good: it takes no part in the order
}

// read is one access that read, of an acknowledged transaction.
type read struct {
	txn    int32
	key    int32
	seen   int32 // how many positions of the key's order it saw, its own writes too; -1: it does not fit the order
	before int32 // the same without its own writes at the end; -1: not known
	last   int32 // the write seen last that is not its own; -1: none, or nobody wrote it
	access uint16
}

// keyState is what is known of one key.
type keyState struct {
	name     string
	register bool
	typed    bool  // register is decided
	odd      bool  // reads do not fit one order
	start    int32 // of its positions in table.order
	length   int32
	cut      int32 // positions from here on are lost
	aborted  int32 // the first position whose writer failed; length: none
	longest  int32 // read with the most elements; -1: none
	latest   int32 // read on a primary that was sent last; -1: none
}

// table is the history with everything numbered.
type table struct {
	ops     []history.Op
	txns    []int32 // transaction -> index in ops
	level   []Level
	live    []bool // committed: acknowledged, or Unknown and seen
	when    []when // what is asked of operations again and again: they themselves are ten times as large
	keys    []keyState
	writes  []write
	reads   []read
	readAt  []int32 // transaction -> its first read; one more at the end
	writeAt []int32 // transaction -> its first write; one more at the end
	index   valueIndex
	order   []int32         // positions of all keys, one key after the other -> write; -1: nobody knows whose
	known   []time.Duration // position -> when it was certain at the latest that it was there
	byKey   csr             // key -> reads
	writers csr             // key -> writes; made when first needed
	clients int             // of all workloads
	// promoted: transactions ran on more than one timeline.
	promoted bool
	unseen   csr // key -> committed writes that are not in its order
}

func (t *table) op(txn int32) *history.Op { return &t.ops[t.txns[txn]] }

// when is when and where a transaction ran, and what became of it.
type when struct {
	call, end duration
	timeline  pg.Timeline
	outcome   history.Outcome
	acked     bool // OK or LocalOnly
	standby   bool
	client    int32 // number of the client, among those of all workloads
}

func (t *table) acked(txn int32) bool { return t.when[txn].acked }

// ackTime is when the client knew that the transaction was committed.
func (t *table) ackTime(txn int32) time.Duration {
	if at := &t.when[txn]; at.acked {
		return at.end
	}
	return never
}

func (t *table) list(r *read) []int64 { return t.op(r.txn).Txn[r.access].List }

// readsOf are the reads of a transaction; they lie together.
func (t *table) readsOf(txn int32) []read { return t.reads[t.readAt[txn]:t.readAt[txn+1]] }

// writesBy are the writes of a transaction; they lie together.
func (t *table) writesBy(txn int32) []write { return t.writes[t.writeAt[txn]:t.writeAt[txn+1]] }

// positions are the writes of a key in their order.
func (t *table) positions(k *keyState) []int32 { return t.order[k.start : k.start+k.length] }

// Selected says whether an operation is a transaction that this package judges.
func Selected(op *history.Op) bool {
	switch op.Kind {
	case history.Txn:
		return true
	case history.Read, history.Write:
		return len(op.Txn) > 0
	}
	return false
}
