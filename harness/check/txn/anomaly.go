package txn

// Anomaly is the name of something that a history shows and that some level forbids.
type Anomaly string

// What is seen without following a cycle.
const (
	Garbage      Anomaly = "unwritten value"         // a value was read that nobody wrote
	Duplicated   Anomaly = "duplicated write"        // one append is in a list twice
	G1a          Anomaly = "G1a"                     // aborted read: a value was read whose transaction failed
	G1b          Anomaly = "G1b"                     // intermediate read: a value was read that its transaction overwrote itself
	Internal     Anomaly = "internal"                // a transaction did not see its own write
	NonRepeated  Anomaly = "non-repeatable read"     // a transaction saw a key change although it did not write it
	Incompatible Anomaly = "incompatible order"      // two reads of one key cannot belong to one order of its writes
	Lost         Anomaly = "lost write"              // acknowledged, seen by nobody else, and missing from reads that began later
	VisibleLost  Anomaly = "visible-then-lost"       // somebody read it, and it is missing from reads that began later
	LocalLost    Anomaly = "lost local-only"         // as Lost or VisibleLost, but the client was told that no standby has it
	Resurrected  Anomaly = "resurrected write"       // it was there, it was gone on a newer state, it is there again
	Stale        Anomaly = "stale read"              // a read missed what was acknowledged or seen before it began; G-single-realtime of two
	Reordered    Anomaly = "reordered commit"        // an acknowledged write comes after one that began later; G0-realtime of two
	Fractured    Anomaly = "partly lost transaction" // some writes of a transaction are lost and others are there
)

// Cycles, by Adya's names. The worst first.
const (
	G0           Anomaly = "G0"            // ww only: dirty write
	G1c          Anomaly = "G1c"           // ww and wr: circular information flow
	LostUpdate   Anomaly = "lost update"   // G-single of two: both read one version, both wrote
	GSingle      Anomaly = "G-single"      // exactly one rw: read skew
	LongFork     Anomaly = "long fork"     // G-nonadjacent of two writers and two readers that saw them in different orders
	GNonadjacent Anomaly = "G-nonadjacent" // several rw, no two of them adjacent
	G2           Anomaly = "G2-item"       // several rw, adjacent: write skew
)

// form says which orders beside the data's own a cycle needs.
type form uint8

const (
	plain form = iota
	session
	realTime
)

var suffix = [...]Anomaly{"", "-session", "-realtime"}

// class is the shape of a cycle; a smaller one is worse.
type class uint8

const (
	classG0 class = iota
	classG1c
	classSingle
	classNonadjacent
	classG2
	noClass
)

// forbiddenFrom is the weakest level that forbids a plain cycle of the class.
func (c class) forbiddenFrom() Level {
	return [...]Level{ReadCommitted, ReadCommitted, Snapshot, Snapshot, Serializable}[c]
}

func (c class) name(f form) Anomaly {
	return [...]Anomaly{G0, G1c, GSingle, GNonadjacent, G2}[c] + suffix[f]
}

// forbiddenFrom is the weakest level that forbids what was seen directly. None: no level allows it.
func (a Anomaly) forbiddenFrom() Level {
	switch a {
	case G1a, G1b, Internal:
		return ReadCommitted
	case NonRepeated:
		return Snapshot
	}
	return None
}
