package txn

import (
	"cmp"
	"slices"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Options say what the database promises beside the isolation levels.
type Options struct {
	// RealTime: a snapshot holds everything that was acknowledged before it was asked for, at every level. PostgreSQL
	// promises it on a primary. Then a stale read and a reordered commit are errors also below strict serializable.
	RealTime bool
	// Losable is how many acknowledged or seen writes may be lost; negative: any number.
	Losable int
}

// Report is what a history proves.
type Report struct {
	Txns       int   // transactions recorded
	Committed  int   // acknowledged
	Failed     int   // certainly not committed
	Unknown    int   // of unknown outcome
	Resolved   int   // of those: seen, and so committed
	Edges      int   // that reads and writes give
	Components int   // strongly connected, of reads and writes alone
	Largest    int   // transactions in the largest of them
	Unread     int   // acknowledged appends that no read came after: nothing is known of them
	Weakest    Level // that any transaction ran at
	Strongest  Level
	Lost       map[Key]map[int64]bool // what each key lost, by value
	Groups     []Group                // errors first, then the most frequent first
}

// Key is one key of one workload.
type Key struct{ Workload, Name string }

// Errors counts what is forbidden.
func (r *Report) Errors() int {
	n := 0
	for _, g := range r.Groups {
		n += g.Errors
	}
	return n
}

// Find returns the findings of one name, or nil.
func (r *Report) Find(name Anomaly) *Group {
	for i := range r.Groups {
		if r.Groups[i].Anomaly == name {
			return &r.Groups[i]
		}
	}
	return nil
}

// Analyze judges the transactions of a history. The error is a *Malformed.
func Analyze(ops []history.Op, options Options) (*Report, error) {
	t, err := newTable(ops)
	if err != nil {
		return nil, err
	}
	t.versions()
	t.branches()
	t.settle()
	out := &findings{groups: map[Anomaly]*Group{}, kept: map[Anomaly][2]int{}}
	d := &direct{t: t, out: out, realTime: options.RealTime}
	d.judge()
	d.tellLost(options.Losable)
	r := t.report()
	r.Unread, r.Lost = d.undated, d.lostValues()
	r.judgeGraph(t, out)
	r.gather(out)
	return r, nil
}

// judgeGraph looks for cycles among all transactions, and where levels are mixed again among those of each stronger level
// alone: a cycle of them can hide behind a worse one that a weaker transaction is part of.
func (r *Report) judgeGraph(t *table, out *findings) {
	errors := map[int32]bool{}
	for i, level := range t.levels() {
		g := newGraph(t, level)
		c := newCycles(t, g, out)
		c.errors, c.again = errors, i > 0
		components, largest := c.run()
		if i == 0 {
			r.Edges, r.Components, r.Largest = g.data(), components, largest
		}
	}
}

// levels are those in use, the weakest first.
func (t *table) levels() []Level {
	used := [Strict + 1]bool{}
	for i, level := range t.level {
		used[level] = used[level] || t.live[i]
	}
	var levels []Level
	for level, in := range used {
		if in {
			levels = append(levels, Level(level))
		}
	}
	return levels
}

func (t *table) report() *Report {
	r := &Report{Txns: len(t.txns)}
	for i := range t.txns {
		switch t.when[int32(i)].outcome {
		case failed:
			r.Failed++
		case unknown:
			r.Unknown++
			if t.live[i] {
				r.Resolved++
			}
		default:
			r.Committed++
		}
	}
	if levels := t.levels(); len(levels) > 0 {
		r.Weakest, r.Strongest = levels[0], levels[len(levels)-1]
	}
	return r
}

func (r *Report) gather(out *findings) {
	for _, name := range out.order {
		r.Groups = append(r.Groups, *out.groups[name])
	}
	slices.SortStableFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Errors, a.Errors), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Anomaly, b.Anomaly))
	})
}
