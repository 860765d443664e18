package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Make runs the store until all transactions are done, then reads every key once more.
func Make(config Config) *History {
	s := newStore(config)
	for s.begun < s.Txns || s.busy > 0 {
		if s.failOverDue() {
			s.failOver()
		}
		s.step(s.earliest())
	}
	s.finalReads()
	slices.SortStableFunc(s.ops, func(a, b history.Op) int { return int(a.Return - b.Return) })
	return &History{Ops: s.ops, Planted: s.planted, Gone: s.gone}
}

type store struct {
	Config
	random  *rand.Rand
	cells   []*cell // live
	all     []*cell
	clients []client
	ops     []history.Op
	arena   []history.Access // accesses are cut from it: one allocation for many operations
	commit  int              // number of the last one
	values  int64
	begun   int
	busy    int
	planted int
	removed *removal
	ghost   *ghost
	// failovers so far, and what they took away
	failovers int
	gone      []int64
}

type client struct {
	at    time.Duration // when it does its next step
	op    history.Op
	txn   *transaction
	seq   int
	ended bool // the outcome is decided, the answer is on its way
}

func newStore(config Config) *store {
	s := &store{Config: config.withDefaults(), random: rand.New(rand.NewPCG(config.Seed, 0x7067))}
	for range s.Keys {
		s.cells = append(s.cells, s.newCell())
	}
	s.clients = make([]client, s.Clients)
	for i := range s.clients {
		s.clients[i].at = s.pause()
	}
	s.ops = make([]history.Op, 0, s.Txns+s.Txns/16+16)
	return s
}

func (s *store) newCell() *cell {
	c := &cell{name: fmt.Sprintf("k%d", len(s.all)), values: make([]int64, 0, s.Length), commits: make([]int, 0, s.Length)}
	s.all = append(s.all, c)
	return c
}

// timeline is PostgreSQL's: each promotion begins a new one.
func (s *store) timeline() pg.Timeline { return pg.Timeline(s.failovers + 1) }

// node is who is primary: the two take turns.
func (s *store) node() string { return [...]string{"pg1", "pg2"}[s.failovers%2] }

func (s *store) pause() time.Duration { return 1 + time.Duration(s.random.Int64N(int64(2*meanStep))) }

// earliest is the client that is due next.
func (s *store) earliest() int {
	best := -1
	for i := range s.clients {
		idle := s.clients[i].txn == nil
		if idle && s.begun >= s.Txns {
			continue
		}
		if best < 0 || s.clients[i].at < s.clients[best].at {
			best = i
		}
	}
	return best
}

// step does the next thing of one client.
func (s *store) step(i int) {
	c := &s.clients[i]
	switch {
	case c.txn == nil:
		s.begin(i)
	case c.ended:
		s.answer(i)
	case c.txn.aborted || c.txn.step == len(c.txn.plan):
		s.finish(i)
	default:
		s.access(i)
	}
	c.at += s.pause()
}

func (s *store) begin(i int) {
	c := &s.clients[i]
	s.begun++
	s.busy++
	c.seq++
	c.txn = &transaction{snapshot: s.commit}
	c.op = history.Op{
		Workload: "sim", Client: i, Seq: c.seq, Kind: history.Txn, Node: s.node(), Timeline: s.timeline(), Isolation: string(s.Mode),
		Scheduled: c.at, Call: c.at,
	}
	writes := 0
	for range 1 + s.random.IntN(4) {
		a := access{write: s.random.IntN(2) == 0, cell: s.pick()}
		if a.write {
			writes++
		}
		c.txn.plan = append(c.txn.plan, a)
	}
	if s.Mode == Serializable && writes == 0 {
		c.txn.snapshot = max(0, c.txn.snapshot-s.random.IntN(20))
	}
	c.op.Txn = s.room(len(c.txn.plan))
}

// room cuts an empty slice with a capacity from the arena.
func (s *store) room(n int) []history.Access {
	if cap(s.arena)-len(s.arena) < n {
		s.arena = make([]history.Access, 0, 4096)
	}
	at := len(s.arena)
	s.arena = s.arena[:at+n]
	return s.arena[at : at : at+n]
}

// pick draws a live key, the first ones more often.
func (s *store) pick() *cell {
	at := min(s.random.IntN(len(s.cells)), s.random.IntN(len(s.cells)))
	if s.cells[at].uses >= s.Length {
		s.cells[at] = s.newCell()
	}
	return s.cells[at]
}

func (s *store) access(i int) {
	c := &s.clients[i]
	a := c.txn.plan[c.txn.step]
	if a.write {
		if !s.write(i, a.cell) {
			return // it waits, or gave up
		}
	} else {
		s.read(i, a.cell)
	}
	c.txn.step++
}

// write returns false if the row is locked by another.
func (s *store) write(i int, to *cell) bool {
	c := &s.clients[i]
	if s.Mode == ReadCommitted && to.locked != 0 && to.locked != i+1 {
		c.txn.waits++
		c.txn.aborted = c.txn.waits > 20 // a deadlock
		return false
	}
	if s.Mode == ReadCommitted {
		to.locked = i + 1
	}
	s.values++
	to.uses++
	if s.Mode == None {
		s.commit++
		to.add(s.values, s.commit)
	}
	record := history.Access{Write: true, Key: to.name, Value: s.values}
	if s.Registers {
		record.Version = int64(s.visible(c.txn, to) + c.txn.own(to) + 1)
		if s.Mode == None {
			record.Version = int64(len(to.values))
		}
	}
	c.txn.writes = append(c.txn.writes, pending{to, s.values})
	c.op.Txn = append(c.op.Txn, record)
	return true
}

// visible is how many values of a cell a transaction sees, its own apart.
func (s *store) visible(t *transaction, of *cell) int {
	switch s.Mode {
	case None, ReadCommitted:
		return len(of.values)
	}
	return of.at(t.snapshot)
}

func (s *store) read(i int, from *cell) {
	c := &s.clients[i]
	n := s.visible(c.txn, from)
	if s.staleNow(c, from, n) {
		n--
	}
	seen := from.values[:n:n]
	if s.Mode != None {
		if s.Mode != ReadCommitted {
			c.txn.reads = append(c.txn.reads, from)
		}
		for _, w := range c.txn.writes {
			if w.cell == from {
				seen = append(seen, w.value) // the capacity is used up: it copies
			}
		}
	}
	if value, ok := s.dirtyNow(c, from, len(seen) == n); ok {
		seen = append(seen, value)
	}
	from.seen = max(from.seen, n)
	c.txn.counts[c.txn.step] = n
	c.op.Txn = append(c.op.Txn, s.recorded(from, seen))
}

func (s *store) recorded(from *cell, seen []int64) history.Access {
	a := history.Access{Key: from.name}
	switch {
	case !s.Registers:
		a.List = seen
	case len(seen) > 0:
		a.Value, a.Version = seen[len(seen)-1], int64(len(seen))
	}
	return a
}

// finish commits or rolls back.
func (s *store) finish(i int) {
	c := &s.clients[i]
	t := c.txn
	drawn := s.random.Float64()
	dead := t.aborted || drawn < s.Abort || s.conflict(t)
	doubt := !dead && drawn > 1-s.Unknown
	switch {
	case dead:
		c.op.Outcome, c.op.SQLState = history.Failed, "40001"
		s.leaveGhost(t)
	case doubt && drawn > 1-s.Unknown/2:
		c.op.Outcome = history.Unknown // and never committed
	default:
		s.apply(i)
		c.op.Outcome = history.OK
		if doubt {
			c.op.Outcome = history.Unknown
		}
	}
	for _, w := range t.writes {
		if w.cell.locked == i+1 {
			w.cell.locked = 0
		}
	}
	c.ended = true
}

// conflict says whether a snapshot is too old to commit on.
func (s *store) conflict(t *transaction) bool {
	if s.Mode == None || s.Mode == ReadCommitted {
		return false
	}
	changed := func(c *cell) bool { return len(c.values) > 0 && c.commits[len(c.commits)-1] > t.snapshot }
	for _, w := range t.writes {
		if changed(w.cell) {
			return true
		}
	}
	if s.Mode == Snapshot || len(t.writes) == 0 {
		return false
	}
	return slices.ContainsFunc(t.reads, changed)
}

func (s *store) apply(i int) {
	t := s.clients[i].txn
	if s.Mode == None || len(t.writes) == 0 {
		return
	}
	s.commit++
	spared := s.plantWrite(i)
	for n, w := range t.writes {
		if n != spared {
			w.cell.add(w.value, s.commit)
		}
	}
	s.afterCommit(i)
}

// answer hands the outcome to the client. What a client in doubt did not get back it does not record.
func (s *store) answer(i int) {
	c := &s.clients[i]
	c.op.Return = c.at
	if c.op.Outcome == history.Unknown {
		for a := range c.op.Txn {
			if c.op.Txn[a].Write {
				c.op.Txn[a].Version = 0
			}
		}
	}
	if c.op.Outcome != history.OK {
		s.planted -= c.txn.planted
	} else {
		for n, a := range c.txn.plan {
			if !a.write {
				a.cell.shown = max(a.cell.shown, c.txn.counts[n])
				if s.removed != nil && s.removed.cell == a.cell && c.op.Call > s.removed.since && c.txn.counts[n] > s.removed.length {
					s.removed.reads++
				}
			}
		}
	}
	s.ops = append(s.ops, c.op)
	c.txn, c.ended = nil, false
	s.busy--
}

// finalReads read every key that there ever was, when all is quiet.
func (s *store) finalReads() {
	var now time.Duration
	for i := range s.clients {
		now = max(now, s.clients[i].at)
	}
	s.endBugs()
	for at := 0; at < len(s.all); at += 4 {
		now += 2 * meanStep
		op := history.Op{
			Workload: "sim", Client: 0, Seq: s.clients[0].seq + at + 1, Kind: history.Txn, Node: s.node(), Timeline: s.timeline(), Isolation: string(s.Mode),
			Scheduled: now, Call: now, Return: now + meanStep, Outcome: history.OK,
		}
		for _, c := range s.all[at:min(at+4, len(s.all))] {
			op.Txn = append(op.Txn, s.recorded(c, c.values[:len(c.values):len(c.values)]))
		}
		s.ops = append(s.ops, op)
	}
}
