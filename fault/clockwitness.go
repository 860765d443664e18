package fault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// witness is a session that is asked for the time.
type witness struct {
	session *pgx.Conn
	gap     gap
	width   time.Duration // of the last reading: its error
}

// gap is how a node's right clock differs from the tester's: they may be two machines.
type gap struct {
	low, high int64 // the node's minus the tester's lies between, nanoseconds
	at        time.Time
}

// reading is what a node said that its time is, and between which times of its right clock it said so. Nanoseconds since 1970.
type reading struct{ said, from, to int64 }

const (
	comparisons = 8 // of which the narrowest gives the gap
	// slack is by how much two right clocks may seem to differ at once, and one part in drift how much they may move against each other
	// since: PostgreSQL cuts off below a microsecond, and time servers steer clocks by up to 500 parts per million.
	slack = 2 * time.Millisecond
	drift = 2000
)

// timeQuery is in microseconds since 1970.
const timeQuery = `select (extract(epoch from clock_timestamp()) * 1000000)::bigint`

// meet opens a session and compares the two clocks, which must be right.
func meet(ctx context.Context, node *cluster.Node) (*witness, error) {
	session, err := node.Connect(ctx, cluster.Admin)
	if err != nil {
		return nil, err
	}
	w := &witness{session: session}
	for range comparisons {
		sent, said, received, err := w.ask(ctx)
		if err != nil {
			w.leave(ctx)
			return nil, err
		}
		if g := (gap{said - received, said - sent, time.Now()}); w.gap.at.IsZero() || g.high-g.low < w.gap.high-w.gap.low {
			w.gap = g
		}
	}
	return w, nil
}

// meetAgain opens a new session at a node whose clock was compared before.
func meetAgain(ctx context.Context, node *cluster.Node, before gap) (*witness, error) {
	session, err := node.Connect(ctx, cluster.Admin)
	if err != nil {
		return nil, err
	}
	return &witness{session: session, gap: before}, nil
}

func (w *witness) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = w.session.Close(ctx) // it says goodbye; nothing depends on it
}

func (w *witness) ask(ctx context.Context) (sent, said, received int64, err error) {
	sent = time.Now().UnixNano()
	err = w.session.QueryRow(ctx, timeQuery).Scan(&said)
	return sent, said * 1000, time.Now().UnixNano(), err
}

func (w *witness) read(ctx context.Context) (reading, error) {
	sent, said, received, err := w.ask(ctx)
	margin := slack.Nanoseconds() + time.Since(w.gap.at).Nanoseconds()/drift
	r := reading{said, sent + w.gap.low - margin, received + w.gap.high + margin}
	w.width = time.Duration(r.to-r.from) / 2
	return r, err
}

// now is the time of the node's right clock.
func (w *witness) now() int64 { return time.Now().UnixNano() + (w.gap.low+w.gap.high)/2 }

// here is a moment of the node's right clock on the tester's.
func (w *witness) here(there int64) time.Time { return time.Unix(0, there-(w.gap.low+w.gap.high)/2) }

// right says that the node's clock may be right.
func (r reading) right() bool { return r.from <= r.said && r.said <= r.to }

// explainedBy says that a clock with that shift may have said so. Within a phase a clock goes forward only, so the ends decide.
func (r reading) explainedBy(s shift.Shift) bool {
	drifted := s
	drifted.Offset = 0
	could := func(offset int64) bool {
		return r.from+drifted.At(r.from)+offset <= r.said && r.said <= r.to+drifted.At(r.to)+offset
	}
	changes := r.to-r.from >= s.Phase || s.Odd(r.from) != s.Odd(r.to)
	return ((changes || !s.Odd(r.from)) && could(s.Offset)) || ((changes || s.Odd(r.from)) && could(0))
}

// off is by how much the clock is ahead.
func (r reading) off() time.Duration { return time.Duration(r.said - (r.from+r.to)/2) }

// tells says that the reading is precise enough to tell an offset from none.
func (r reading) tells(offset time.Duration) bool { return time.Duration(r.to-r.from) < offset.Abs() }
