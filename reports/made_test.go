package reports

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Hand-made runs: what a run of the drill looks like, without a cluster. Everything is drawn from the seed, so golden files
// stay as they are.

const ms = time.Millisecond

// made says how a hand-made run differs from a good kill-primary run.
type made struct {
	scenario, commit string
	repetition       int
	ops              int           // 0: what the rate gives
	rate             int           // operations a second
	outage           time.Duration // from the fault to the first acknowledged write
	rewind           time.Duration
	bytes            int64
	lost             int
	rebuilt          bool
	overlap          time.Duration // the old primary goes on writing for so long
}

// killPrimary is a good run: the primary is killed at 4.2 s and comes back by a rewind.
func killPrimary(m made) Result {
	if m.scenario == "" {
		m.scenario = "kill-primary"
	}
	if m.commit == "" {
		m.commit = "sync"
	}
	if m.rate == 0 {
		m.rate = 400
	}
	if m.outage == 0 {
		m.outage = 181 * ms
	}
	if m.rewind == 0 {
		m.rewind = 940 * ms
	}
	if m.bytes == 0 {
		m.bytes = 16_777_216
	}
	if m.repetition == 0 {
		m.repetition = 1
	}
	b := &builder{made: m, rng: rand.New(rand.NewPCG(7, uint64(m.repetition))), fault: 4200 * ms, length: 12 * time.Second}
	if m.ops > 0 {
		b.length = time.Duration(m.ops) * time.Second / time.Duration(m.rate)
		b.fault = b.length / 3
	}
	return b.result()
}

type builder struct {
	made
	rng           *rand.Rand
	fault, length time.Duration
	run           *history.Run
	lostTokens    []history.Op
}

func (b *builder) result() Result {
	began := time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC).Add(time.Duration(b.repetition) * time.Minute)
	b.run = &history.Run{Manifest: history.Manifest{
		Format: 1, ID: fmt.Sprintf("%s-%s-%03d", b.scenario, b.commit, b.repetition), Scenario: b.scenario,
		Story:     "SIGKILL of the primary's postmaster under load; the standby is promoted, the old primary comes back.",
		Procedure: "manual", Commit: b.commit, Repetition: b.repetition, Seed: 42, Version: "17.11",
		Plan: []string{"fault 1.2 s after the pair has settled", "target pg1 (primary)"}, Image: "pgcrucible/postgres:17 (built from Debian trixie)",
		Nodes:    []history.NodeInfo{{Name: "pg1", Address: "10.77.0.11", Role: "primary"}, {Name: "pg2", Address: "10.77.0.12", Role: "standby"}},
		Settings: map[string]string{"RATE": fmt.Sprint(b.rate), "CLIENTS": "8", "SEED": "42"},
		Budget:   history.Budget{Outage: 10 * time.Second, MinBefore: 50}, Expect: history.Expect{Promotions: 2},
		Began: began, Ended: began.Add(b.length), Replay: "make drill SCENARIO=" + b.scenario + " COMMIT=" + b.commit + " SEED=42",
		Machine: map[string]string{"kernel": "6.18.5", "cpus": "2", "load at start": "0.41", "load at end": "1.90"},
	}}
	b.spans()
	b.samples()
	b.ops()
	b.final()
	return Result{Run: b.run, Verdicts: b.verdicts(), Phases: b.phases(), Dir: "out/" + b.run.ID}
}

// The moments of the story, relative to the fault.
func (b *builder) promoted() time.Duration   { return b.fault + b.outage - 20*ms }
func (b *builder) firstAck() time.Duration   { return b.fault + b.outage }
func (b *builder) rewindFrom() time.Duration { return b.fault + b.outage + 600*ms }
func (b *builder) rewindTo() time.Duration   { return b.rewindFrom() + b.rewind }
func (b *builder) started() time.Duration    { return b.rewindTo() + 180*ms }
func (b *builder) streaming() time.Duration  { return b.started() + 90*ms }
func (b *builder) caughtUp() time.Duration   { return b.streaming() + 40*ms }
func (b *builder) failback() time.Duration   { return b.caughtUp() + 900*ms }

func (b *builder) spans() {
	size := map[string]string{"bytes": fmt.Sprint(b.bytes), "how": "rewind"}
	span := func(name, node, detail string, from, to time.Duration, values map[string]string) {
		b.run.Spans = append(b.run.Spans, history.Span{Name: name, Node: node, Detail: detail, Start: from, End: to, Values: values})
	}
	span(history.SpanLoad, "", "ledger, 8 clients", 300*ms, b.length-500*ms, nil)
	span(history.SpanFault, "pg1", "kill(pg1 postmaster)", b.fault, b.rewindFrom(), map[string]string{"effect": "connection refused on 10.77.0.11:5432", "control": "pg2 answers", "signal": "SIGKILL"})
	span(history.SpanDetect, "pg1", "", b.fault, b.fault+30*ms, nil)
	span(history.SpanFailover, "", "", b.fault+30*ms, b.firstAck(), nil)
	span(history.SpanFence, "pg1", "stopped", b.fault+30*ms, b.fault+50*ms, nil)
	span(history.SpanPromote, "pg2", "", b.fault+50*ms, b.promoted(), nil)
	span(history.SpanRejoin, "pg1", "", b.rewindFrom()-100*ms, b.caughtUp(), size)
	if b.rebuilt {
		span(history.SpanRebuild, "pg1", "", b.rewindFrom(), b.rewindTo(), map[string]string{"reason": "could not find previous WAL record at 0/3000060"})
	} else {
		span(history.SpanRewind, "pg1", "", b.rewindFrom(), b.rewindTo(), size)
	}
	span(history.SpanStart, "pg1", "", b.rewindTo(), b.started(), nil)
	span(history.SpanStream, "pg1", "", b.started(), b.streaming(), nil)
	span(history.SpanCatchUp, "pg1", "", b.streaming(), b.caughtUp(), nil)
	span(history.SpanFailback, "", "to pg1", b.failback(), b.failback()+700*ms, nil)
	span(history.SpanMark, "", "settled", 3*time.Second, 3*time.Second, nil)
}

func (b *builder) samples() {
	back := b.failback() + 300*ms
	write := 0x3000060
	b.run.Samples = make([]history.Sample, 0, 2*b.length/(50*ms))
	for at := 250 * ms; at < b.length; at += 50 * ms {
		write += 9000
		for _, node := range []string{"pg1", "pg2"} {
			s := history.Sample{Node: node, At: at + time.Duration(b.rng.IntN(5))*ms, Took: ms, Up: true, Timeline: 1}
			primary := node == "pg1"
			switch {
			case node == "pg1" && at > b.fault+b.overlap && at < b.started():
				s.Up, s.Timeline, s.Err = false, 0, "connection refused"
			case at >= back:
				s.Timeline = 3
			case at > b.started() || node == "pg2" && at >= b.promoted():
				s.Timeline, primary = 2, node == "pg2"
			}
			if s.Up {
				s.InRecovery, s.Writable = !primary, primary
			}
			b.lag(&s, write, primary)
			b.run.Samples = append(b.run.Samples, s)
		}
	}
}

// lag gives a sample its WAL positions: the standby is some kilobytes behind.
func (b *builder) lag(s *history.Sample, write int, primary bool) {
	if !s.Up {
		return
	}
	behind := 0
	if !primary {
		behind = 2000 + b.rng.IntN(30000)
	}
	s.Write = number64(s.Write, max(0x3000060, write-behind))
	s.Replay = s.Write
}

// number64 is n as the type of like: an LSN without harness/pg, which reports do not import.
func number64[T ~uint64](_ T, n int) T { return T(n) } //nolint:gosec // never negative

func (b *builder) ops() {
	gap := time.Second / time.Duration(b.rate)
	b.run.Ops = make([]history.Op, 0, b.length/gap)
	lostFrom := b.fault - time.Duration(b.lost)*gap
	n, lsn := 0, history.Op{LSN: 0x3000060}.LSN
	for at := 300 * ms; at < b.length-500*ms; at += gap {
		op := history.Op{Client: n % 8, Seq: n / 8, Kind: history.Append, Token: fmt.Sprintf("t%d-%d", n%8, n/8), Scheduled: at, Call: at, Node: "pg1", Timeline: 1}
		n++
		took := time.Duration((1.2 + 0.8*b.rng.ExpFloat64()) * float64(ms))
		switch {
		case at >= b.fault-3*ms && at < b.fault:
			op.Outcome, op.SQLState, op.Err, op.Return, op.Node, op.Timeline = history.Unknown, "", "unexpected EOF", b.fault+ms, "", 0
		case at >= b.fault && at < b.firstAck():
			op.Call = b.firstAck() + time.Duration(b.rng.IntN(12))*ms
			took, op.Node, op.Timeline = took+op.Call-at, "pg2", 2
		case at >= b.firstAck():
			op.Node, op.Timeline = "pg2", 2
		}
		if op.Return == 0 {
			op.Outcome, op.Return = history.OK, at+took
		}
		lsn += 180
		op.LSN = lsn
		if at >= lostFrom && at < b.fault-3*ms && b.lost > 0 && len(b.lostTokens) < b.lost {
			b.lostTokens = append(b.lostTokens, op)
		}
		b.run.Ops = append(b.run.Ops, op)
	}
}

// final is what the nodes hold at the end: everything but the lost tokens.
func (b *builder) final() {
	tokens := make(map[string]int, len(b.run.Ops))
	for _, op := range b.run.Ops {
		if op.Outcome == history.OK {
			tokens[op.Token] = 1
		}
	}
	for _, op := range b.lostTokens {
		delete(tokens, op.Token)
	}
	histories := map[string]string{
		"00000002.history": "1\t0/3000060\tno recovery target specified\n",
		"00000003.history": "1\t0/3000060\tno recovery target specified\n2\t0/4000000\tno recovery target specified\n",
	}
	if n := len(b.lostTokens); n > 0 {
		point := (b.lostTokens[0].LSN - 100).String()
		histories["00000003.history"] = "1\t" + point + "\tno recovery target specified\n2\t0/F000000\tno recovery target specified\n"
	}
	for _, node := range []string{"pg1", "pg2"} {
		b.run.Final = append(b.run.Final, history.NodeState{
			Node: node, Up: true, InRecovery: node == "pg2", Timeline: 3, System: "7300000000000000001", Tokens: tokens, Histories: histories,
		})
	}
}

func (b *builder) phases() history.Phases {
	at := func(d time.Duration) *time.Duration { return &d }
	p := history.Phases{
		Outage: &history.Window{From: b.fault - ms, To: b.firstAck()}, Fault: at(b.fault), Detected: at(b.fault + 30*ms),
		Asked: at(b.fault + 50*ms), Promoted: at(b.promoted()), FirstAck: at(b.firstAck()), OldStopped: at(b.fault + 50*ms),
		Started: at(b.started()), Streaming: at(b.streaming()), CaughtUp: at(b.caughtUp()), AtRisk: &history.Window{From: b.fault, To: b.streaming()},
	}
	way := &history.Window{From: b.rewindFrom(), To: b.rewindTo()}
	if b.rebuilt {
		p.Rebuild = way
	} else {
		p.Rewind, p.RewindBytes = way, b.bytes
	}
	for _, op := range b.run.Ops {
		switch op.Outcome {
		case history.OK:
			p.Loss.Acknowledged++
		case history.Unknown:
			p.Loss.Unknown++
		}
	}
	if n := len(b.lostTokens); n > 0 {
		p.Loss.Lost = n
		p.Loss.Span = b.lostTokens[n-1].Return - b.lostTokens[0].Return
		p.Loss.WALBytes = int64(b.lostTokens[n-1].LSN - b.lostTokens[0].LSN)
	}
	return p
}

func (b *builder) verdicts() []history.Verdict {
	all := []history.Verdict{
		{Checker: "durability", Status: history.Pass, Sentence: "Every acknowledged write is on the final primary."},
		{Checker: "equal-contents", Status: history.Pass, Sentence: "pg1 and pg2 hold the same rows, schemas, sequences and roles."},
		{Checker: "one-writable", Status: history.Pass, Sentence: "Never were two nodes writable at once."},
		{Checker: "timelines", Status: history.Pass, Sentence: "The timeline rose by 2, once a promotion, and both history files are in place."},
		{Checker: "rejoined", Status: history.Pass, Sentence: "pg2 streams from pg1 on timeline 3 and holds the row written after the last promotion."},
		{Checker: "budget", Status: history.Pass, Sentence: "The outage and the loss are within the budget."},
	}
	if len(b.lostTokens) > 0 {
		all[0] = history.Verdict{Checker: "durability", Status: history.Fail, Total: len(b.lostTokens)}
		all[0].Sentence = fmt.Sprintf("%d acknowledged writes are missing on the final primary", len(b.lostTokens))
		for _, op := range b.lostTokens[:min(20, len(b.lostTokens))] {
			all[0].Witness = append(all[0].Witness, history.Witness{At: op.Return, Node: op.Node, Token: op.Token, Detail: "acknowledged on timeline 1, missing on timeline 3"})
		}
	}
	if b.overlap > 0 {
		all[2] = history.Verdict{
			Checker: "one-writable", Status: history.Fail, Sentence: fmt.Sprintf("pg1 and pg2 were writable at once for %d ms", b.overlap.Milliseconds()),
			Witness: []history.Witness{{At: b.promoted(), Detail: "pg1 on timeline 1 and pg2 on timeline 2"}}, Total: 1,
		}
	}
	return all
}

// drill is what make drill hands over: good runs, repetitions, a loss, a rebuild, a run that broke off, one that was skipped.
func drill() []Result {
	broken := killPrimary(made{scenario: "kill-container", commit: "async"})
	broken.Run.Error = "rejoin pg1: start PostgreSQL: no answer in 30 s"
	skipped := killPrimary(made{scenario: "slow-disk", commit: "async"})
	skipped = Result{Run: &history.Run{Manifest: skipped.Run.Manifest}, Dir: skipped.Dir}
	skipped.Run.Skipped = "blkio.throttle is not in this kernel"
	undecided := killPrimary(made{scenario: "cut-sync"})
	undecided.Verdicts[0] = history.Verdict{Checker: "durability", Status: history.Undecided, Sentence: "Only 12 writes were acknowledged before the fault; 50 are wanted."}
	return []Result{
		killPrimary(made{}), killPrimary(made{repetition: 2, outage: 203 * ms, rewind: 1100 * ms}), killPrimary(made{repetition: 3, outage: 174 * ms}),
		killPrimary(made{commit: "async", lost: 37}),
		killPrimary(made{scenario: "rewind-refused", rebuilt: true, rewind: 1730 * ms}),
		undecided, broken, skipped,
	}
}

// hostile is a run whose every text tries to break out.
func hostile() Result {
	r := killPrimary(made{lost: 3})
	for i, bad := range hostileTexts() {
		r.Run.Settings[fmt.Sprintf("%s%d", bad, i)] = bad
		r.Run.Machine[bad] = bad
		r.Run.Plan = append(r.Run.Plan, bad)
		r.Verdicts[0].Witness = append(r.Verdicts[0].Witness, history.Witness{At: 2 * time.Second, Node: bad, Token: bad, Detail: bad})
		r.Verdicts = append(r.Verdicts, history.Verdict{Checker: bad, Status: history.Fail, Sentence: bad})
		r.Run.Spans = append(r.Run.Spans, history.Span{Name: history.SpanFault, Node: bad, Detail: bad, Start: 5 * time.Second, End: 6 * time.Second, Values: map[string]string{bad: bad}, Err: bad})
		r.Run.Ops = append(r.Run.Ops, history.Op{Client: 1, Token: bad, Node: bad, Err: bad, Return: time.Second, Outcome: history.OK})
	}
	all := hostileTexts()
	r.Run.ID = "hostile"
	r.Run.Scenario, r.Run.Story, r.Run.Procedure, r.Run.Error = all[0], all[1], all[2], all[3]
	r.Run.Commit, r.Run.Version, r.Run.Image, r.Run.Replay = all[2], all[0], all[5], all[1]
	return r
}

func hostileTexts() []string {
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = byte('a' + i%26)
	}
	return []string{
		`<script>window.pwned=1</script>`, `"><img src=x onerror="window.pwned=1">`, `'"` + "`" + `|*_[x](javascript:window.pwned=1)`,
		"\x1b[31mred\x1b[0m\x00\x07\r\n\x9b2J", string(long), "\u202eevil\u2066 \u200f שלום", "</style></svg>]]>--><script>window.pwned=1</script>", "{{.}} ${x} %s",
		string([]byte{0xff, 0xfe, 'x'}), fmt.Sprint(math.Inf(1)),
	}
}
