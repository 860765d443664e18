package handmade

import "github.com/pgcrucible/pgcrucible/harness/history"

// KillAsync is an unplanned failover that loses three acknowledged writes, as its budget allows, with rewind and fail-back.
func KillAsync() *history.Run {
	b := begin("kill-primary", "async")
	b.run.Budget.Lost = 10
	b.writes("pg1", ms(0), ms(2970))
	b.failover(func() { b.lost("pg1", 1, ms(2970), ms(3000)) })
	b.rewound()
	b.failback()
	return b.end()
}

// KillSync is the same with synchronous commits: nothing is lost.
func KillSync() *history.Run {
	b := begin("kill-primary", "sync")
	b.writes("pg1", ms(0), ms(3000))
	b.failover(func() {})
	b.rewound()
	b.failback()
	return b.end()
}

// Rebuilt is a failover after which the rewind is refused.
func Rebuilt() *history.Run {
	b := begin("rewind-refused", "async")
	b.run.Expect.Rebuild = true
	b.writes("pg1", ms(0), ms(3000))
	b.failover(func() {})
	b.span(history.SpanRejoin, "pg1", ms(4000), ms(5500), "how", "rebuild")
	b.span(history.SpanRewind, "pg1", ms(4100), ms(4300), "how", "rebuild", "reason", "could not find previous WAL record at 0/30001B8")
	b.span(history.SpanRebuild, "pg1", ms(4400), ms(5100), "reason", "could not find previous WAL record at 0/30001B8", "bytes", "40000000")
	b.started()
	b.failback()
	return b.end()
}

// CutThenKill loses exactly the writes that were acknowledged after the link had been cut.
func CutThenKill() *history.Run {
	b := begin("cut-then-kill", "async")
	b.run.Budget.Lost = 100
	b.run.Expect.Exact = true
	b.writes("pg1", ms(0), ms(2500))
	b.fault("cut(pg1 <-> pg2)", "", ms(2499), ms(3120))
	b.failover(func() {
		first := len(b.run.Ops)
		b.lost("pg1", 1, ms(2500), ms(3000))
		for _, op := range b.run.Ops[first:] {
			b.run.Expect.Missing = append(b.run.Expect.Missing, op.Token)
		}
	})
	b.rewound()
	b.failback()
	return b.end()
}

// SplitBrain is a promotion without a fence: clients of the old primary go on for a second, in vain.
func SplitBrain() *history.Run {
	b := begin("split-brain", "async")
	b.run.Budget.Lost, b.run.Budget.TwoWrite, b.run.Expect.Overlap = -1, true, true
	b.writes("pg1", ms(0), ms(3000))
	b.fault("cut(pg1 <-> pg2)", "", ms(3000), ms(4100))
	b.span(history.SpanFailover, "pg2", ms(3010), ms(3200))
	b.promote("pg2", ms(3050), ms(3150))
	b.lost("pg1", 1, ms(3000), ms(4000))
	b.writes("pg2", ms(3203), ms(7000))
	b.probes("pg1", ms(-500), ms(4000), primary(1))
	b.probes("pg1", ms(4000), ms(5000), gone())
	b.probes("pg2", ms(-500), ms(3150), standby(1))
	b.span(history.SpanFence, "pg1", ms(4000), ms(4050))
	b.probes("pg2", ms(3150), ms(7000), primary(2))
	b.rewound()
	b.failback()
	return b.end()
}

// Switchover moves the role as planned, and back.
func Switchover() *history.Run {
	b := begin("switchover-failback", "sync")
	b.run.Expect.NoRewind, b.run.Expect.NoUnknown = true, true
	b.writes("pg1", ms(0), ms(3000))
	b.span(history.SpanSwitch, "pg2", ms(3000), ms(3600))
	b.refused(ms(3010))
	b.promote("pg2", ms(3050), ms(3150))
	b.writes("pg2", ms(3200), ms(7000))
	b.probes("pg1", ms(-500), ms(3010), primary(1))
	b.probes("pg1", ms(3010), ms(3400), gone())
	b.probes("pg1", ms(3400), ms(7000), standby(2))
	b.probes("pg2", ms(-500), ms(3150), standby(1))
	b.probes("pg2", ms(3150), ms(7000), primary(2))
	b.failback()
	return b.end()
}

// CutSync is a cut link under synchronous commits: writes wait for a second, and nothing is promoted.
func CutSync() *history.Run {
	b := begin("cut-sync", "sync")
	b.run.Expect.Silence, b.run.Expect.NoUnknown = true, true
	b.writes("pg1", ms(0), ms(3000))
	b.fault("cut(pg1 <-> pg2)", "", ms(3000), ms(4030))
	b.span(history.SpanRevert, "", ms(4000), ms(4030)).Detail = "cut(pg1 <-> pg2)"
	op := b.op(ms(3010))
	op.Return, op.Outcome, op.Node, op.Timeline = ms(4040), history.OK, "pg1", 1
	b.record(op, 1)
	b.writes("pg1", ms(4050), ms(10000))
	b.probes("pg1", ms(-500), ms(10500), primary(1))
	b.probes("pg2", ms(-500), ms(10500), standby(1))
	return b.end()
}

// failover: the primary is killed at 3 s and the standby promoted; doomed writes are acknowledged just before.
func (b *builder) failover(doomed func()) {
	b.probes("pg1", ms(-500), ms(3000), primary(1))
	b.probes("pg1", ms(3000), ms(5200), gone())
	b.probes("pg2", ms(-500), ms(3150), standby(1))
	b.probes("pg2", ms(3150), ms(7000), primary(2))
	b.fault("kill(pg1, postmaster)", "pg1", ms(3000), ms(3120))
	b.span(history.SpanFailover, "pg2", ms(3010), ms(3180))
	b.span(history.SpanDetect, "pg1", ms(3000), ms(3030))
	b.span(history.SpanFence, "pg1", ms(3030), ms(3040))
	b.promote("pg2", ms(3050), ms(3150))
	doomed()
	b.unanswered(ms(3005), ms(3012), 0)
	b.unanswered(ms(2999), ms(3012), 1)
	b.writes("pg2", ms(3200), ms(7000))
}

func (b *builder) rewound() {
	b.span(history.SpanRejoin, "pg1", ms(4000), ms(5500), "how", "rewind")
	b.span(history.SpanRewind, "pg1", ms(4100), ms(5000), "how", "rewind", "bytes", "12345678")
	b.started()
}

func (b *builder) started() {
	b.span(history.SpanStart, "pg1", ms(5100), ms(5250))
	b.span(history.SpanStream, "pg1", ms(5250), ms(5300))
	b.span(history.SpanCatchUp, "pg1", ms(5300), ms(5400))
	b.probes("pg1", ms(5250), ms(7000), standby(2))
}

// failback moves the role back to pg1 as planned, at 7 s.
func (b *builder) failback() {
	b.span(history.SpanFailback, "pg1", ms(7000), ms(7700))
	b.span(history.SpanSwitch, "pg1", ms(7000), ms(7700))
	b.promote("pg1", ms(7100), ms(7200))
	b.writes("pg1", ms(7250), ms(10000))
	b.probes("pg2", ms(7000), ms(7600), gone())
	b.probes("pg2", ms(7600), ms(10500), standby(3))
	b.probes("pg1", ms(7000), ms(7200), standby(2))
	b.probes("pg1", ms(7200), ms(10500), primary(3))
}

// end is the load's end and the final look. What the servers say when they are stopped and started is in their logs.
func (b *builder) end() *history.Run {
	b.span(history.SpanLoad, "", ms(-10), ms(10020))
	run := b.finish()
	b.log("pg1", -400, "FATAL", "57P03", "the database system is starting up")
	b.log("pg2", 3040, "FATAL", "08006", "could not receive data from WAL stream: server closed the connection unexpectedly")
	b.log("pg2", 7010, "FATAL", "57P01", "terminating connection due to administrator command")
	return run
}
