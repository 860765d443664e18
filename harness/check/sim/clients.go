package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Small says what history of a single-purpose workload to make: bank, sequences, reads on a standby, two-phase.
type Small struct {
	Seed    uint64
	Ops     int     // operations
	Unknown float64 // share whose outcome the client does not learn; half of them happened
	Fail    float64 // share that certainly did not happen
	Bug     bool    // one is planted, of the kind that the maker names
	Which   int     // of several kinds of bugs
}

// Bugs of the single-purpose histories, for Small.Which.
const (
	HalfTransfer = iota // Bank: what was taken from one account did not reach the other
	LostTransfer        // Bank: acknowledged, and it did not happen
	Overdrawn           // Bank: more was taken than there was
)

// Bugs of Standby.
const (
	WentBack  = iota // an older state after a newer one, on one connection
	Behind           // an acknowledged write is missing, which remote_apply forbids
	OfAFailed        // a value of a write that failed
)

// Bugs of TwoPhase.
const (
	ByHalf    = iota // one of its rows is missing
	Vanished         // prepared, and gone
	Undone           // committed, and prepared again
	Committed        // rolled back, and its rows are there
)

// pace is the simulated time between two operations.
const pace = time.Millisecond

// people are clients of one workload: each does one thing at a time, and everything takes effect at one moment within.
type people struct {
	Small
	random *rand.Rand
	free   []time.Duration
	seqs   []int
	now    time.Duration
	ops    []history.Op
}

func newPeople(s Small) *people {
	const clients = 6
	return &people{Small: s, random: rand.New(rand.NewPCG(s.Seed, 0x7068)), free: make([]time.Duration, clients), seqs: make([]int, clients)}
}

// plant says whether the bug is due: once, in the middle of the history.
func (p *people) plant(i int) bool { return p.Bug && i >= p.Ops/2 }

// begin is the next operation; it takes effect now.
func (p *people) begin(workload string, kind history.Kind) history.Op {
	p.now += 1 + time.Duration(p.random.Int64N(int64(pace)))
	who := p.random.IntN(len(p.free))
	for i := range p.free {
		if p.free[i] < p.free[who] && p.free[who] >= p.now {
			who = i
		}
	}
	p.now = max(p.now, p.free[who]+1)
	p.seqs[who]++
	op := history.Op{
		Workload: workload, Client: who, Seq: p.seqs[who], Kind: kind, Node: "pg1", Timeline: 1,
		Call:    max(p.free[who], p.now-time.Duration(p.random.Int64N(int64(4*pace)))),
		Return:  p.now + time.Duration(p.random.Int64N(int64(4*pace))),
		Outcome: history.OK,
	}
	op.Scheduled, p.free[who] = op.Call, op.Return+1
	return op
}

// fate decides the outcome of a write, and whether it happens.
func (p *people) fate(op *history.Op) (happens bool) {
	switch drawn := p.random.Float64(); {
	case drawn < p.Fail:
		op.Outcome, op.SQLState = history.Failed, "40001"
		return false
	case drawn < p.Fail+p.Unknown:
		op.Outcome = history.Unknown
		return p.random.IntN(2) == 0
	}
	return true
}

// sorted are the operations as a record has them: by when they returned.
func (p *people) sorted() []history.Op {
	slices.SortStableFunc(p.ops, func(a, b history.Op) int { return cmp.Compare(a.Return, b.Return) })
	return p.ops
}
