package txn

import "fmt"

// Level is what a transaction was promised.
type Level uint8

// The levels, each promising all that the ones before it promise.
const (
	None          Level = iota // nothing: dirty writes and reads are allowed
	ReadCommitted              // PL-2: no G0, G1a, G1b, G1c
	Snapshot                   // snapshot isolation, PostgreSQL's repeatable read: also no lost update, G-single, G-nonadjacent
	Serializable               // PL-3: also no G2-item
	Strict                     // serializable in an order that agrees with real time and sessions
)

// String names the level.
func (l Level) String() string {
	return [...]string{"no isolation", "read committed", "snapshot isolation", "serializable", "strict serializable"}[l]
}

// ParseLevel reads an isolation level as SQL spells it; "" is PostgreSQL's default, and read uncommitted is read committed there.
func ParseLevel(isolation string) (Level, error) {
	switch isolation {
	case "none":
		return None, nil
	case "", "read committed", "read uncommitted":
		return ReadCommitted, nil
	case "repeatable read", "snapshot isolation":
		return Snapshot, nil
	case "serializable":
		return Serializable, nil
	case "strict serializable":
		return Strict, nil
	}
	return None, fmt.Errorf("isolation level %q is not known", isolation)
}
