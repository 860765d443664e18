package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Clock makes the wall clock of one node's PostgreSQL wrong: it jumps, runs too fast or too slow, or jumps to and fro. Make one with
// ClockJump, ClockSkew or ClockStrobe, or set several fields.
//
// It imitates a machine that comes up without NTP or with a wrong time zone in its hardware clock, an administrator's date -s, a
// virtual machine that was suspended or migrated, a bad oscillator, two time servers that disagree.
//
// Mechanism: in every process of PostgreSQL the vDSO's clock_gettime, gettimeofday and time add what is asked for (fault/clock). It is
// a pure function of the true time, so all processes of the node agree at every moment. New sessions inherit it, and a program that
// stays beside PostgreSQL gives it to one that is started anew, within a fraction of a second. It needs an amd64 kernel that maps a vDSO with
// room at its end, and SYS_PTRACE in a container of its own, which lasts as long as the fault; PostgreSQL's gets nothing.
//
// It does not change CLOCK_MONOTONIC and the other clocks, the kernel's own time (of files, of timers, of sleeping), nor what programs
// see that PostgreSQL or a shell starts: archive_command, pg_rewind, pg_basebackup. Reading a clock costs a system call while it is
// in effect, of CLOCK_MONOTONIC too. What PostgreSQL has remembered of a wrong time stays remembered: after a jump back it may
// wait for the time to come again, for a checkpoint by checkpoint_timeout or before it gives a connection up.
//
// It heals by Revert, which puts the vDSO's bytes back, by make heal, and with the end of PostgreSQL's container. A tester's death alone
// does not heal it; the session's reaper, which then removes the containers, does.
type Clock struct {
	Target Target
	Offset time.Duration // by which it is ahead at once; negative: behind
	Rate   float64       // seconds that it gains in a second; negative: loses
	Phase  time.Duration // above 0: Offset applies for so long, then does not for so long, and so on
}

// ClockJump sets a node's clock ahead, or with a negative time back.
func ClockJump(t Target, by time.Duration) Clock { return Clock{Target: t, Offset: by} }

// ClockSkew lets a node's clock gain so many seconds in a second, or with a negative rate lose them.
func ClockSkew(t Target, rate float64) Clock { return Clock{Target: t, Rate: rate} }

// ClockStrobe lets a node's clock jump by an amplitude and back again, once in a period.
func ClockStrobe(t Target, amplitude, period time.Duration) Clock {
	return Clock{Target: t, Offset: amplitude, Phase: period / 2}
}

// What a clock must be wrong by to be seen beside the error of reading it over the network.
const (
	leastOffset = 20 * time.Millisecond
	leastRate   = 0.001
	leastPhase  = 20 * time.Millisecond
)

// String says who and how: "clock(primary, jump 1h0m0s)", "clock(pg1, skew -0.1)", "clock(pg1, jump 2s every 1s)".
func (f Clock) String() string { return f.named(f.Target.String()) }

func (f Clock) named(target string) string {
	text := "clock(" + target
	if f.Offset != 0 {
		text += ", jump " + f.Offset.String()
	}
	if f.Phase > 0 {
		text += " every " + (2 * f.Phase).String()
	}
	if f.Rate != 0 {
		text += fmt.Sprintf(", skew %v", f.Rate)
	}
	return text + ")"
}

// Supported asks the agents whether their kernel's vDSO can be changed. Whether the engine lets a container trace is seen by Inject.
func (f Clock) Supported(ctx context.Context, c *cluster.Cluster) error {
	return agentsCan(ctx, c, "vdso")
}

// Footprint of a wrong clock: it is seen by PostgreSQL's own answers.
func (f Clock) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String()}, Holds: []string{"clock " + f.Target.String()}}
}

// check refuses what means nothing or could not be proven.
func (f Clock) check() error {
	switch {
	case f.Offset == 0 && f.Rate == 0:
		return fmt.Errorf("%s: nothing is wrong with this clock", f)
	case f.Offset != 0 && f.Offset.Abs() < leastOffset, f.Rate != 0 && math.Abs(f.Rate) < leastRate:
		return fmt.Errorf("%s: below %s or a rate of %v it could not be proven", f, leastOffset, leastRate)
	case f.Phase < 0, f.Phase > 0 && (f.Phase < leastPhase || f.Offset == 0):
		return fmt.Errorf("%s: a clock that jumps to and fro wants an offset, and at least %s for each", f, leastPhase)
	}
	return f.shift(1).Check()
}

// shift is what the program beside PostgreSQL is told; from is the anchor.
func (f Clock) shift(from int64) shift.Shift {
	s := shift.Shift{Anchor: from, Offset: f.Offset.Nanoseconds(), Rate: int64(math.Round(f.Rate * 1e9)), Phase: shift.Never}
	if f.Phase > 0 {
		s.Phase = f.Phase.Nanoseconds()
	}
	return s
}

// Bind finds the node.
func (f Clock) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	return &boundClock{fault: f, node: node, peers: r.Cluster.Peers(node), hits: r.hits}, nil
}

type boundClock struct {
	fault Clock
	node  *cluster.Node
	peers []*cluster.Node
	hits  *hits // of all faults in effect
	hit   bool

	own     *witness              // of the node
	control map[*cluster.Node]gap // of the peers whose clock nobody has touched
	shift   shift.Shift
	holder  *cluster.Beside
	began   time.Time
	healed  time.Time
}

func (b *boundClock) String() string { return b.fault.named(b.node.Name()) }

func (b *boundClock) Targets() []string { return []string{b.node.Name()} }

// tracing is all that the program beside PostgreSQL may do.
var tracing = []string{"SYS_PTRACE"}

// Undo needs nothing to have been kept: the right bytes are the kernel's.
func (b *boundClock) Undo() []intent.Action {
	return []intent.Action{{
		Kind: intent.Beside, Node: b.node.Name(), Container: b.node.Container(), Image: b.node.SandboxImage(),
		Capabilities: tracing, Argv: []string{"/clock", "clear"},
	}}
}

// Inject first compares the clocks of all nodes with the tester's.
func (b *boundClock) Inject(ctx context.Context) (Active, error) {
	if err := b.look(ctx); err != nil {
		b.close(ctx)
		return nil, err
	}
	b.mark(1)
	b.shift = b.fault.shift(b.own.now())
	text, err := json.Marshal(b.shift)
	if err != nil {
		return b, err
	}
	if b.holder, err = b.node.StartBeside(ctx, tracing, "/clock", "hold", string(text)); err != nil {
		return b, err
	}
	line, err := b.holder.FirstLine(ctx)
	if err != nil {
		return b, err
	}
	var since int64
	if _, err := fmt.Sscanf(line, "wrong since %d", &since); err != nil {
		if strings.Contains(line, "operation not permitted") {
			return b, unsupported("%s", line)
		}
		return b, errors.New(line)
	}
	b.began = b.own.here(since)
	return b, nil
}

// mark says to other faults whose control this node's clock is that it is being changed.
func (b *boundClock) mark(n int) {
	if b.hit != (n > 0) {
		b.hit = n > 0
		b.hits.mark("clock "+b.node.Name(), n)
	}
}

// Revert has another program end the first one and put the bytes back.
func (b *boundClock) Revert(ctx context.Context) error {
	text, err := b.node.RunBeside(ctx, tracing, "/clock", "clear")
	if errors.Is(err, cluster.ErrContainerDown) {
		err = nil // and with it all processes
	}
	if err != nil {
		return err
	}
	var since int64
	if _, err := fmt.Sscanf(text, "true since %d", &since); err == nil && b.healed.IsZero() {
		b.healed = b.own.here(since)
	}
	b.mark(-1)
	if b.holder == nil {
		return nil
	}
	return b.holder.Remove(ctx)
}
