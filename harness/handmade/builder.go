// Package handmade makes runs by hand, without a database: good ones, in which a test then sets exactly one thing wrong.
// They look like those that the drill records. Every call makes a new run, so that a test may change all of it.
package handmade

import (
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// The pace of the hand-made load and of its probes.
const (
	Pace    = 10 * time.Millisecond // between two writes
	Latency = 2 * time.Millisecond  // of a write
	Probe   = 40 * time.Millisecond // between two probes of a node
	perOp   = 256                   // bytes of WAL of a write
)

// ms is a moment of the run's clock.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// builder plays a story on paper.
type builder struct {
	run      *history.Run
	present  map[string]int // tokens on the primary that counts
	lsn      pg.LSN
	timeline pg.Timeline
	ancestry string // history file of the timeline
	seq      int
}

func begin(scenario, commit string) *builder {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := &builder{present: make(map[string]int), lsn: 0x3000060, timeline: 1, run: &history.Run{Manifest: history.Manifest{
		Format: 1, ID: scenario + "-1", Scenario: scenario, Story: "A story told by hand.", Procedure: "manual", Commit: commit,
		Seed: 1, Version: "17.5", Image: "handmade", Settings: map[string]string{},
		Nodes:  []history.NodeInfo{{Name: "pg1", Address: "10.9.0.2", Role: "primary"}, {Name: "pg2", Address: "10.9.0.3", Role: "standby"}},
		Budget: history.Budget{Outage: 5 * time.Second, MinBefore: 100},
		Began:  began, Ended: began.Add(11 * time.Second), Replay: "make drill SEED=1",
	}}}
	return b
}

// writes are acknowledged at the load's pace: sent from one moment up to another, on the present timeline.
func (b *builder) writes(node string, from, to time.Duration) {
	b.branch(node, b.timeline, from, to, 1)
}

// lost are writes that are acknowledged, but not there in the end.
func (b *builder) lost(node string, timeline pg.Timeline, from, to time.Duration) {
	b.branch(node, timeline, from, to, 0)
}

func (b *builder) branch(node string, timeline pg.Timeline, from, to time.Duration, times int) {
	for at := from; at < to; at += Pace {
		op := b.op(at)
		op.Node, op.Timeline, op.Outcome = node, timeline, history.OK
		b.lsn += perOp
		op.LSN = b.lsn
		b.record(op, times)
	}
}

// op is the next attempt, due and sent at a moment, answered after the usual latency.
func (b *builder) op(at time.Duration) history.Op {
	b.seq++
	return history.Op{
		Client: b.seq % 4, Seq: b.seq / 4, Kind: history.Append, Token: fmt.Sprintf("t%05d", b.seq),
		Scheduled: at, Call: at, Return: at + Latency,
	}
}

// record keeps an operation whose row is found so many times.
func (b *builder) record(op history.Op, times int) {
	if times > 0 {
		b.present[op.Token] = times
	}
	b.run.Ops = append(b.run.Ops, op)
}

// unanswered is a write whose answer never came.
func (b *builder) unanswered(sent, gaveUp time.Duration, times int) {
	op := b.op(sent)
	op.Return, op.Outcome, op.Err = gaveUp, history.Unknown, "unexpected EOF"
	b.record(op, times)
}

// refused is a write that certainly failed.
func (b *builder) refused(sent time.Duration) {
	op := b.op(sent)
	op.Outcome, op.SQLState, op.Err = history.Failed, "57P03", "the database system is shutting down"
	b.record(op, 0)
}

// probes of one node see the same for a while.
func (b *builder) probes(node string, from, to time.Duration, seen history.Sample) {
	for at := from; at < to; at += Probe {
		sample := seen
		sample.Node, sample.At, sample.Took = node, at, time.Millisecond
		b.run.Samples = append(b.run.Samples, sample)
	}
}

func primary(timeline pg.Timeline) history.Sample {
	return history.Sample{Up: true, Writable: true, Timeline: timeline, Write: 0x3000060, Replay: 0x3000060}
}

func standby(timeline pg.Timeline) history.Sample {
	return history.Sample{Up: true, InRecovery: true, Timeline: timeline, Write: 0x3000060, Replay: 0x3000060}
}

func gone() history.Sample { return history.Sample{Err: "connection refused"} }

func (b *builder) span(name, node string, from, to time.Duration, values ...string) *history.Span {
	span := history.Span{Name: name, Node: node, Start: from, End: to}
	for i := 0; i+1 < len(values); i += 2 {
		if span.Values == nil {
			span.Values = make(map[string]string)
		}
		span.Values[values[i]] = values[i+1]
	}
	b.run.Spans = append(b.run.Spans, span)
	return &b.run.Spans[len(b.run.Spans)-1]
}

// fault is in effect for a while, with its evidence.
func (b *builder) fault(what, node string, from, to time.Duration) {
	asked := (from - 5*time.Millisecond).String()
	b.span(history.SpanFault, node, from, to, "effect", "seen from outside", history.ValueAsked, asked).Detail = what
}

// promote raises the timeline: the next branches off here.
func (b *builder) promote(node string, from, to time.Duration) {
	b.ancestry += fmt.Sprintf("%d\t%s\tno recovery target specified\n", b.timeline, b.lsn)
	b.timeline++
	b.run.Expect.Promotions++
	b.span(history.SpanPromote, node, from, to)
}
