package txn

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/check/sim"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// The reference: the definitions written down with matrices, for small histories of lists that fit one order each. It shares no
// code with the package but the names of its results.
type reference struct {
	ops  []history.Op
	live []bool
	ww   matrix
	wr   matrix
	rw   matrix
	sess matrix
	rt   matrix
}

type matrix [][]bool

func newMatrix(n int) matrix {
	m := make(matrix, n)
	for i := range m {
		m[i] = make([]bool, n)
	}
	return m
}

func (m matrix) or(others ...matrix) matrix {
	out := newMatrix(len(m))
	for i := range m {
		for j := range m {
			out[i][j] = m[i][j]
			for _, other := range others {
				out[i][j] = out[i][j] || other[i][j]
			}
		}
	}
	return out
}

// then is the relation of first one and then the other.
func (m matrix) then(other matrix) matrix {
	out := newMatrix(len(m))
	for i := range m {
		for j := range m {
			for k := range m {
				out[i][k] = out[i][k] || m[i][j] && other[j][k]
			}
		}
	}
	return out
}

// closed is the transitive closure (Warshall).
func (m matrix) closed() matrix {
	out := m.or()
	for k := range m {
		for i := range m {
			for j := range m {
				out[i][j] = out[i][j] || out[i][k] && out[k][j]
			}
		}
	}
	return out
}

func (m matrix) cyclic() bool {
	closed := m.closed()
	for i := range m {
		if closed[i][i] {
			return true
		}
	}
	return false
}

func newReference(ops []history.Op) *reference {
	n := len(ops)
	r := &reference{ops: ops, live: make([]bool, n), ww: newMatrix(n), wr: newMatrix(n), rw: newMatrix(n), sess: newMatrix(n), rt: newMatrix(n)}
	orders, writer := r.orders()
	for key, order := range orders {
		for _, value := range order {
			if w, ok := writer[[2]any{key, value}]; ok && ops[w].Outcome == history.Unknown {
				r.live[w] = true
			}
		}
	}
	for key, order := range orders {
		r.keyEdges(key, order, writer)
	}
	r.timeEdges()
	return r
}

func (r *reference) isAcked(i int) bool { return r.ops[i].Outcome == history.OK }

// orders are the longest list read of each key, and who wrote what.
func (r *reference) orders() (map[string][]int64, map[[2]any]int) {
	orders, writer := map[string][]int64{}, map[[2]any]int{}
	for i, op := range r.ops {
		r.live[i] = r.isAcked(i)
		for _, a := range op.Txn {
			if a.Write {
				writer[[2]any{a.Key, a.Value}] = i
			} else if r.live[i] && len(a.List) >= len(orders[a.Key]) {
				orders[a.Key] = a.List
			}
		}
	}
	return orders, writer
}

func (r *reference) keyEdges(key string, order []int64, writer map[[2]any]int) {
	var chain []int // live writers in order
	var at []int    // their positions
	for i, value := range order {
		if w, ok := writer[[2]any{key, value}]; ok && r.live[w] {
			chain, at = append(chain, w), append(at, i)
		}
	}
	set := func(m matrix, a, b int) {
		if a != b {
			m[a][b] = true
		}
	}
	for i := 1; i < len(chain); i++ {
		set(r.ww, chain[i-1], chain[i])
	}
	var unread []int
	for k, w := range writer {
		if k[0] == key && r.isAcked(w) && !slices.Contains(order, k[1].(int64)) {
			unread = append(unread, w)
			if len(chain) > 0 {
				set(r.ww, chain[len(chain)-1], w)
			}
		}
	}
	for i, op := range r.ops {
		for _, a := range op.Txn {
			if a.Write || a.Key != key || !r.isAcked(i) {
				continue
			}
			n := len(a.List)
			for n > 0 && writer[[2]any{key, a.List[n-1]}] == i {
				n--
			}
			if n > 0 {
				if w := writer[[2]any{key, a.List[n-1]}]; r.live[w] {
					set(r.wr, w, i)
				}
			}
			next := slices.IndexFunc(at, func(pos int) bool { return pos >= n })
			if next >= 0 {
				set(r.rw, i, chain[next])
			} else if n == len(order) {
				for _, w := range unread {
					set(r.rw, i, w)
				}
			}
		}
	}
}

func (r *reference) timeEdges() {
	for i, a := range r.ops {
		for j, b := range r.ops {
			if i == j || !r.isAcked(i) || !r.live[j] {
				continue
			}
			r.rt[i][j] = a.Return < b.Call
			r.sess[i][j] = a.Client == b.Client && a.Seq < b.Seq
		}
	}
}

// worst is the worst class of a cycle when the form's orders count as dependencies.
func (r *reference) worst(f form) class {
	none := newMatrix(len(r.ops))
	order := []matrix{none, r.sess, r.sess.or(r.rt)}[f]
	deps := r.ww.or(r.wr, order)
	switch {
	case r.ww.or(order).cyclic():
		return classG0
	case deps.cyclic():
		return classG1c
	case deps.or(deps.then(r.rw)).cyclic():
		reach := deps.closed()
		for u := range r.rw {
			for v := range r.rw {
				if r.rw[u][v] && reach[v][u] {
					return classSingle
				}
			}
		}
		return classNonadjacent
	case deps.or(r.rw).cyclic():
		return classG2
	}
	return noClass
}

// classOf reads a name back: the worst class among the groups of one form.
func worstOf(report *Report, f form) class {
	worst := noClass
	for _, g := range report.Groups {
		for c := classG0; c < noClass; c++ {
			if g.Anomaly == c.name(f) || f == plain && (g.Anomaly == LostUpdate && c == classSingle || g.Anomaly == LongFork && c == classNonadjacent) {
				worst = min(worst, c)
			}
		}
	}
	return worst
}

// scramble gives the operations other times, so that real time and sessions are broken too.
func scramble(random *rand.Rand, ops []history.Op) {
	next := map[int]time.Duration{}
	end := time.Duration(0)
	for i := range ops {
		op := &ops[i]
		start := next[op.Client] + time.Duration(random.IntN(40))
		if op.Client == 0 && len(op.Txn) > 0 && i >= len(ops)-3 {
			start = max(start, end) // final reads stay final
		}
		op.Call, op.Return = start, start+time.Duration(1+random.IntN(40))
		next[op.Client] = op.Return
		end = max(end, op.Return+1)
	}
}

// comparable says whether the reference can judge the history: every key in one order and nothing lost.
func comparable(report *Report) bool {
	for _, name := range []Anomaly{Incompatible, Lost, VisibleLost, LocalLost, Garbage, Duplicated, Resurrected} {
		if report.Find(name) != nil {
			return false
		}
	}
	return true
}

// compare makes a small history and holds the report against the reference; false if it could not be compared.
func compare(t *testing.T, seed uint64, mode sim.Mode, size int) bool {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 5))
	made := sim.Make(sim.Config{Seed: seed, Mode: mode, Txns: size, Clients: 2 + random.IntN(5), Keys: 1 + random.IntN(4), Unknown: 0.1, Abort: 0.1})
	if random.IntN(2) == 0 {
		scramble(random, made.Ops)
	}
	if random.IntN(2) == 0 {
		made.Ops = made.Ops[:len(made.Ops)-1] // no final read
	}
	report, err := Analyze(made.Ops, Options{})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if !comparable(report) {
		return false
	}
	r := newReference(made.Ops)
	told := noClass
	for f := plain; f <= realTime; f++ {
		want := r.worst(f)
		if f > plain && want >= told {
			want = told // a form is told only if it is worse than what was told with less
		}
		got := min(worstOf(report, f), told)
		if f > plain && told > want && got > want || f == plain && got != want {
			t.Errorf("seed %d, %s, form %d: found %d, the reference says %d\n%s%s", seed, mode, f, got, want, tell(report), dump(made.Ops))
		}
		if got < want {
			t.Errorf("seed %d, %s, form %d: found %d, worse than the reference's %d\n%s%s", seed, mode, f, got, want, tell(report), dump(made.Ops))
		}
		told = min(told, got)
	}
	return true
}

func dump(ops []history.Op) string {
	text := ""
	for i, op := range ops {
		text += fmt.Sprintf("%d: client %d %v-%v %s", i, op.Client, op.Call, op.Return, op.Outcome)
		for _, a := range op.Txn {
			if a.Write {
				text += fmt.Sprintf("; a %s %d", a.Key, a.Value)
			} else {
				text += fmt.Sprintf("; r %s %v", a.Key, a.List)
			}
		}
		text += "\n"
	}
	return text
}

var seeds = flag.Int("txn.seeds", 600, "histories held against the reference, of each mode; make check-long asks for more")

func TestAgainstReference(t *testing.T) {
	compared := 0
	for seed := range uint64(*seeds) {
		for _, mode := range []sim.Mode{sim.None, sim.ReadCommitted, sim.Snapshot, sim.Strict} {
			if compare(t, seed, mode, 3+int(seed%14)) {
				compared++
			}
			if t.Failed() {
				return
			}
		}
	}
	if compared < 2**seeds {
		t.Errorf("only %d histories could be compared", compared)
	}
	t.Logf("%d histories compared", compared)
}

func FuzzAgainstReference(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(9))
	f.Fuzz(func(t *testing.T, seed uint64, mode, size uint8) {
		compare(t, seed, []sim.Mode{sim.None, sim.ReadCommitted, sim.Snapshot, sim.Strict}[mode%4], 2+int(size%30))
	})
}
