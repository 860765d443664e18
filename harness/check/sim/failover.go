package sim

import (
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// failOver moves the store to a copy that lacks the last commits, as a promotion under asynchronous replication does. What was
// under way fails, or the client never learns what became of it; answers that are on their way may still arrive, after
// operations on the new timeline have begun.
func (s *store) failOver() {
	s.failovers++
	kept := max(0, s.commit-s.random.IntN(s.Behind+1))
	for _, c := range s.all {
		c.locked = 0
		n := c.at(kept)
		if n == len(c.values) {
			continue
		}
		s.gone = append(s.gone, c.values[n:]...)
		c.values, c.commits = slices.Clone(c.values[:n]), slices.Clone(c.commits[:n]) // reads keep parts of what was
		c.seen, c.shown = min(c.seen, n), min(c.shown, n)
	}
	for i := range s.clients {
		if c := &s.clients[i]; c.txn != nil {
			s.disconnect(c)
		}
	}
}

// failOverDue says whether it is time to: failovers are spread evenly over the transactions.
func (s *store) failOverDue() bool {
	return s.failovers < s.Failovers && s.begun >= (s.failovers+1)*s.Txns/(s.Failovers+1)
}

// disconnect decides what a client learns of the transaction that the failover found it in.
func (s *store) disconnect(c *client) {
	lucky := s.random.IntN(2) == 0
	switch {
	case c.ended && (lucky || c.op.Outcome == history.Failed):
	case c.ended || lucky:
		c.op.Outcome, c.op.SQLState = history.Unknown, ""
	default:
		c.op.Outcome, c.op.SQLState = history.Failed, "57P01"
	}
	c.ended = true
}
