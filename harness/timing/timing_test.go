package timing

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func is(t *testing.T, what string, got *time.Duration, want time.Duration) {
	t.Helper()
	if got == nil || *got != want {
		t.Errorf("%s: got %v, want %s", what, got, want)
	}
}

func TestPhasesOfAFailover(t *testing.T) {
	p := Of(handmade.KillAsync())
	if p.Outage == nil || *p.Outage != (history.Window{From: ms(2992), To: ms(3202)}) {
		t.Errorf("outage: %+v", p.Outage)
	}
	is(t, "fault", p.Fault, ms(2995)) // writes stopped at 2,992 ms, it was asked for at 2,995 ms, and certain at 3,000 ms
	is(t, "detected", p.Detected, ms(3030))
	is(t, "asked", p.Asked, ms(3050))
	is(t, "promoted", p.Promoted, ms(3150))
	is(t, "first acknowledgement", p.FirstAck, ms(3202))
	is(t, "old primary stopped", p.OldStopped, ms(3040))
	is(t, "started", p.Started, ms(5250))
	is(t, "streaming", p.Streaming, ms(5300))
	is(t, "caught up", p.CaughtUp, ms(5400))
	if p.Rewind == nil || *p.Rewind != (history.Window{From: ms(4100), To: ms(5000)}) || p.RewindBytes != 12345678 || p.Rebuild != nil {
		t.Errorf("way back: %+v, %d bytes, rebuilt %+v", p.Rewind, p.RewindBytes, p.Rebuild)
	}
	if p.AtRisk == nil || *p.AtRisk != (history.Window{From: ms(2995), To: ms(5300)}) {
		t.Errorf("at risk: %+v", p.AtRisk)
	}
	want := history.Loss{Acknowledged: 955, Lost: 3, Unknown: 2, Span: ms(20), WALBytes: 3 * 256}
	if p.Loss != want {
		t.Errorf("loss: got %+v, want %+v", p.Loss, want)
	}
}

func TestPhasesOfARebuild(t *testing.T) {
	p := Of(handmade.Rebuilt())
	if p.Rewind != nil || p.Rebuild == nil || *p.Rebuild != (history.Window{From: ms(4400), To: ms(5100)}) {
		t.Errorf("rewind %+v, rebuild %+v", p.Rewind, p.Rebuild)
	}
	if p.Loss.WALBytes != 0 || p.Loss.Lost != 0 {
		t.Errorf("loss: %+v", p.Loss)
	}
}

func TestWritesThatWaitAreAnOutageWithoutPromotion(t *testing.T) {
	p := Of(handmade.CutSync())
	if p.Outage == nil || *p.Outage != (history.Window{From: ms(2992), To: ms(4040)}) {
		t.Errorf("outage: %+v", p.Outage)
	}
	is(t, "first acknowledgement", p.FirstAck, ms(4040))
	if p.Promoted != nil || p.Rewind != nil || p.Streaming != nil || p.OldStopped != nil {
		t.Errorf("phases that did not happen: %+v", p)
	}
}

func TestClientsOfTheOldPrimaryAreNoOutage(t *testing.T) {
	p := Of(handmade.SplitBrain())
	if p.Outage != nil {
		t.Errorf("somebody could write all the time, and yet: %+v", p.Outage)
	}
	is(t, "first acknowledgement", p.FirstAck, ms(3205))
	if p.Loss.Lost != 100 || p.Loss.WALBytes != 100*256 {
		t.Errorf("loss: %+v", p.Loss)
	}
}

func TestNothingIsMadeUp(t *testing.T) {
	run := handmade.CutSync()
	run.Spans = nil
	if p := Of(run); p.Outage != nil || p.Fault != nil || p.FirstAck != nil || p.AtRisk != nil {
		t.Errorf("a run in which nothing was done has phases: %+v", p)
	}
	if p := Of(&history.Run{}); p != (history.Phases{}) {
		t.Errorf("an empty run has phases: %+v", p)
	}
	quiet := handmade.CutSync()
	for i := range quiet.Ops { // the fault did not hold anybody up
		if op := &quiet.Ops[i]; op.Call == ms(3010) {
			op.Return = ms(3012)
		}
	}
	for at := 3020; at < 4050; at += 10 {
		quiet.Ops = append(quiet.Ops, history.Op{Kind: history.Append, Token: fmt.Sprint(at), Call: ms(at), Return: ms(at + 2), Outcome: history.OK, Timeline: 1})
	}
	if p := Of(quiet); p.Outage != nil {
		t.Errorf("an outage was made up: %+v", p.Outage)
	}
}

// frozen is a load of 1,000/s over a primary that stands still for a second: operations in flight wait, clients queue up,
// and the backlog is worked off at once afterwards. Latencies vary, and so does the pace.
func frozen(random *rand.Rand, from, to time.Duration) *history.Run {
	run := &history.Run{Spans: []history.Span{{Name: history.SpanFault, Start: from, End: to}}}
	for i := range 5000 {
		due := ms(i)
		op := history.Op{Kind: history.Append, Seq: i, Scheduled: due, Call: due, Outcome: history.OK, Timeline: 1}
		latency := 200*time.Microsecond + time.Duration(random.IntN(3_000_000))
		op.Return = due + latency
		if op.Return > from && due < to { // in flight, or due meanwhile
			op.Return = to + time.Duration(random.IntN(4_000_000))
		}
		run.Ops = append(run.Ops, op)
	}
	random.Shuffle(len(run.Ops), func(i, j int) { run.Ops[i], run.Ops[j] = run.Ops[j], run.Ops[i] })
	return run
}

func TestAKnownOutageIsMeasuredWithin20Milliseconds(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 3))
		from := ms(1500) + time.Duration(random.IntN(1_000_000_000))
		p := Of(frozen(random, from, from+time.Second))
		if p.Outage == nil {
			t.Fatalf("seed %d: no outage", seed)
		}
		if off := (p.Outage.Length() - time.Second).Abs(); off > ms(20) {
			t.Errorf("seed %d: outage of %s is off by %s", seed, p.Outage.Length(), off)
		}
	}
}

func TestAnOutageThatNeverEnds(t *testing.T) {
	run := frozen(rand.New(rand.NewPCG(1, 1)), ms(2000), ms(3000))
	for i := range run.Ops {
		if op := &run.Ops[i]; op.Return > ms(2000) {
			op.Outcome = history.Unknown
		}
	}
	p := Of(run)
	if p.Outage == nil || p.Outage.Length() < 2900*time.Millisecond {
		t.Errorf("outage: %+v", p.Outage)
	}
	if p.FirstAck != nil {
		t.Errorf("a first acknowledgement at %s", *p.FirstAck)
	}
}

func TestAStandbyThatFellBehindIsARisk(t *testing.T) {
	run := handmade.CutSync()
	if p := Of(run); p.AtRisk != nil {
		t.Errorf("nobody fell behind, and yet at risk: %+v", p.AtRisk)
	}
	for i := range run.Samples {
		s := &run.Samples[i]
		switch {
		case s.Node == "pg1" && s.At >= ms(3100):
			s.Write += 5000
		case s.Node == "pg2" && s.At >= ms(4300):
			s.Write += 5000
		}
	}
	p := Of(run)
	if p.AtRisk == nil || p.AtRisk.From != ms(2995) || p.AtRisk.To < ms(4300) || p.AtRisk.To > ms(4340) {
		t.Errorf("at risk: %+v", p.AtRisk)
	}
}
