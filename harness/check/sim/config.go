package sim

import (
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Mode is the isolation that the store keeps.
type Mode string

// The modes. Each writes its name into Op.Isolation.
const (
	None          Mode = "none"                // writes are seen at once, an abort takes nothing back
	ReadCommitted Mode = "read committed"      // row locks; each statement sees what is committed
	Snapshot      Mode = "repeatable read"     // one snapshot a transaction, first committer wins
	Serializable  Mode = "serializable"        // as Snapshot, reads validated too; a reader may get an old snapshot
	Strict        Mode = "strict serializable" // as Serializable, always the newest snapshot
)

// Bug is a planted one.
type Bug string

// The bugs. Each is planted on top of whatever mode runs.
const (
	NoBug       Bug = ""
	LostWrite   Bug = "lost write"        // acknowledged, and not there
	DirtyRead   Bug = "dirty read"        // a read has the write of a transaction that failed
	StaleRead   Bug = "stale read"        // a read misses what was acknowledged before it was sent
	LongFork    Bug = "long fork"         // two readers see two writes in different orders
	Duplicated  Bug = "duplicated write"  // an append is there twice
	Reordered   Bug = "reordered commit"  // an append goes before one that was acknowledged before it was sent
	Resurrected Bug = "resurrected write" // a write is gone after a failover, and back after a rewind that did not work
	VisibleLost Bug = "visible-then-lost" // a write was read, and is gone
)

// Bugs are all of them.
func Bugs() []Bug {
	return []Bug{LostWrite, DirtyRead, StaleRead, LongFork, Duplicated, Reordered, Resurrected, VisibleLost}
}

// Config says what history to make.
type Config struct {
	Seed      uint64
	Mode      Mode
	Registers bool    // keyed registers with versions; otherwise lists
	Clients   int     // 0: 8
	Txns      int     // transactions before the final reads
	Keys      int     // live at a time; 0: 12
	Length    int     // writes to a key before a new one takes its place; 0: 24
	Unknown   float64 // share of transactions whose outcome the client does not learn; half of them are committed
	Abort     float64 // share that the client rolls back
	Bug       Bug
	Plant     int // how often, spread over the history
	Failovers int // how often the store moves to a copy that is behind, spread over the history
	Behind    int // commits that such a copy lacks at most; 0: 12
}

// History is what was made.
type History struct {
	Ops     []history.Op
	Planted int     // how often the bug was really planted: some need an occasion
	Gone    []int64 // values of committed writes that a failover took away; a value is written once in the whole store
}

func (c Config) withDefaults() Config {
	if c.Clients == 0 {
		c.Clients = 8
	}
	if c.Keys == 0 {
		c.Keys = 12
	}
	if c.Length == 0 {
		c.Length = 24
	}
	if c.Behind == 0 {
		c.Behind = 12
	}
	return c
}

// meanStep is the simulated time between two steps of a client.
const meanStep = 100 * time.Microsecond
