package sim

import (
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// removal is a write that was taken away, and perhaps comes back.
type removal struct {
	cell   *cell
	at     int
	value  int64
	length int // of the cell when it was taken
	commit int
	since  time.Duration
	reads  int // acknowledged reads of a newer state that did not have it
}

// ghost is a write of a failed transaction that the next reader gets to see.
type ghost struct {
	cell  *cell
	value int64
}

// due says whether it is time to plant a bug: the plants are spread evenly over the transactions.
func (s *store) due(bug Bug) bool {
	return s.Bug == bug && s.planted < s.Plant && s.begun >= (s.planted+1)*s.Txns/(s.Plant+1)
}

// staleNow hides the newest value of a cell from a reader that was sent after it had been acknowledged.
func (s *store) staleNow(c *client, from *cell, n int) bool {
	if !s.due(StaleRead) || n == 0 || n <= 0 || c.txn.own(from) > 0 || !s.oldNews(from, n-1, c.op.Call) {
		return false
	}
	s.planted++
	c.txn.planted++
	return true
}

// oldNews says whether a value was acknowledged before a moment: its commit is older than everything that is under way.
func (s *store) oldNews(of *cell, at int, moment time.Duration) bool {
	value := of.values[at]
	for i := len(s.ops) - 1; i >= 0 && i > len(s.ops)-200; i-- {
		op := &s.ops[i]
		if op.Outcome != history.OK || op.Return >= moment {
			continue
		}
		for a := range op.Txn {
			if op.Txn[a].Write && op.Txn[a].Key == of.name && op.Txn[a].Value == value {
				return true
			}
		}
	}
	return false
}

// leaveGhost keeps a write of a transaction that fails.
func (s *store) leaveGhost(t *transaction) {
	if s.due(DirtyRead) && (s.ghost == nil || s.ghost.cell.uses >= s.Length) && len(t.writes) > 0 {
		s.ghost = &ghost{t.writes[0].cell, t.writes[0].value}
	}
}

func (s *store) dirtyNow(c *client, from *cell, clean bool) (int64, bool) {
	if s.ghost == nil || s.ghost.cell != from || !clean {
		return 0, false
	}
	value := s.ghost.value
	s.ghost = nil
	s.planted++
	c.txn.planted++
	return value, true
}

// plantWrite breaks the commit of a transaction; it returns which of its writes must not be applied, or -1.
func (s *store) plantWrite(i int) int {
	t := s.clients[i].txn
	first := t.writes[0]
	switch {
	case s.due(LostWrite):
		s.planted++
		return 0
	case s.due(Duplicated):
		s.planted++
		first.cell.add(first.value, s.commit)
	case s.due(Reordered) && len(first.cell.values) > 0:
		last := len(first.cell.values) - 1
		if first.cell.seen > last || !s.oldNews(first.cell, last, s.clients[i].op.Call) {
			return -1
		}
		s.planted++
		first.cell.insert(last, first.value, s.commit)
		return 0
	}
	return -1
}

// afterCommit takes writes away that somebody has read, and brings them back.
func (s *store) afterCommit(i int) {
	if s.due(LongFork) {
		s.planted++
		s.fork(s.clients[i].at)
		return
	}
	if s.removed != nil {
		s.bringBack()
		return
	}
	if !s.due(VisibleLost) && !s.due(Resurrected) {
		return
	}
	for _, c := range s.cells {
		n := len(c.values)
		if n < 2 || c.uses > s.Length-4 || c.shown < n || c.locked != 0 || !s.oldNews(c, n-1, s.clients[i].at) || s.inUse(c) {
			continue
		}
		s.removed = &removal{cell: c, at: n - 1, value: c.values[n-1], commit: c.commits[n-1], length: n - 1, since: s.clients[i].at}
		c.remove(n - 1)
		c.seen, c.shown = n-1, n-1
		s.planted++
		if s.Bug == VisibleLost {
			s.removed = nil
		}
		return
	}
}

// inUse says whether a transaction under way has touched a cell.
func (s *store) inUse(c *cell) bool {
	for i := range s.clients {
		if t := s.clients[i].txn; t != nil && !s.clients[i].ended {
			for _, a := range t.plan {
				if a.cell == c {
					return true
				}
			}
		}
	}
	return false
}

// bringBack lets a write rise again once somebody read a newer state without it.
func (s *store) bringBack() {
	r := s.removed
	over := r.cell.uses >= s.Length
	if r.reads == 0 && !over || s.inUse(r.cell) {
		return
	}
	if r.reads == 0 {
		s.planted-- // nobody will miss it any more: another key's turn
	}
	r.cell.insert(r.at, r.value, r.commit)
	s.removed = nil
}

// endBugs ends what is under way before the final reads. A write that nobody missed in time counts as not planted.
func (s *store) endBugs() {
	if s.removed != nil {
		if s.removed.reads == 0 {
			s.planted--
		}
		s.removed.cell.insert(s.removed.at, s.removed.value, s.removed.commit)
	}
}

// fork writes two fresh keys at one time and lets two readers see them in different orders.
func (s *store) fork(now time.Duration) {
	x, y := s.newCell(), s.newCell()
	s.values += 2
	x.add(s.values-1, s.commit)
	y.add(s.values, s.commit)
	writeOf := func(c *cell) history.Access {
		a := history.Access{Write: true, Key: c.name, Value: c.values[0]}
		if s.Registers {
			a.Version = 1
		}
		return a
	}
	full, empty := func(c *cell) history.Access { return s.recorded(c, c.values[:1:1]) }, func(c *cell) history.Access { return s.recorded(c, nil) }
	for n, txn := range [][]history.Access{{writeOf(x)}, {writeOf(y)}, {full(x), empty(y)}, {empty(x), full(y)}} {
		s.ops = append(s.ops, history.Op{
			Workload: "sim", Client: s.Clients + 4*s.planted + n, Seq: 1, Kind: history.Txn, Node: "pg1", Timeline: 1, Isolation: string(s.Mode),
			Scheduled: now, Call: now, Return: now + meanStep, Outcome: history.OK, Txn: txn,
		})
	}
}
