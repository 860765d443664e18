package check

import (
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// wrongWrites are runs in which something is wrong with what was written.
func wrongWrites() []wrong {
	return []wrong{
		{"one acknowledged write lost under sync", handmade.KillSync, func(run *history.Run) {
			drop(run, ack(run, 100).Token)
		}, "durability", "", "1 of 955 acknowledged writes is missing"},
		{"more lost than the budget allows", handmade.KillAsync, func(run *history.Run) {
			run.Budget.Lost = 2
		}, "durability", "", "3 of 955 acknowledged writes are missing: 20 ms of commits; of 2 whose answer never came 1 is present; the story allows 2."},
		{"many lost: witnesses are bounded", handmade.KillSync, func(run *history.Run) {
			for i := range 300 {
				drop(run, ack(run, i).Token)
			}
		}, "durability", "", "300 of 955"},
		{"a write lost while the link was cut", handmade.CutSync, func(run *history.Run) {
			for i := range run.Ops {
				if op := &run.Ops[i]; op.Call == ms(3010) {
					op.Return = ms(3990)
					drop(run, op.Token)
				}
			}
			run.Expect.Silence = false
		}, "durability", "", "acknowledged while cut(pg1 <-> pg2) was in effect"},
		{"a token missing that the story does not lose", handmade.CutThenKill, func(run *history.Run) {
			drop(run, ack(run, 10).Token)
		}, "durability", "", "exactly 50 writes; 1 is missing that it does not lose, 0 are"},
		{"a token there that the story must lose", handmade.CutThenKill, func(run *history.Run) {
			both(run, func(node *history.NodeState) { node.Tokens[run.Expect.Missing[7]] = 1 })
		}, "durability", "", "0 are missing that it does not lose, 1 is that it does lose"},
		{"nothing lost where the story must lose", handmade.CutThenKill, func(run *history.Run) {
			run.Expect.Missing = append(run.Expect.Missing, "never-written")
		}, "durability", "", "exactly 51 writes"},
		{"a failed write is there", handmade.Switchover, func(run *history.Run) {
			for _, op := range run.Ops {
				if op.Outcome == history.Failed {
					both(run, func(node *history.NodeState) { node.Tokens[op.Token] = 1 })
				}
			}
		}, "durability", "", "certainly failed"},
		{"a write is there twice", handmade.KillSync, func(run *history.Run) {
			both(run, func(node *history.NodeState) { node.Tokens[ack(run, 5).Token] = 2 })
		}, "durability", "", "present more than once"},
		{"rows of nobody", handmade.KillSync, func(run *history.Run) {
			both(run, func(node *history.NodeState) { node.Tokens["foreign"] = 1 })
		}, "", "durability", "no recorded operation"},
		{"a token used twice", handmade.KillSync, func(run *history.Run) {
			run.Ops = append(run.Ops, *ack(run, 5))
		}, "", "durability", "not sound"},
		{"the rows were not read", handmade.KillSync, func(run *history.Run) {
			run.Final[0].Tokens = nil
		}, "", "durability", "were not read"},
		{"an answer missing where there must be none", handmade.Switchover, func(run *history.Run) {
			op := ack(run, 299)
			op.Outcome = history.Unknown
		}, "outcomes", "", "do not know what became of 1 write"},
		{"an acknowledgement during the cut", handmade.CutSync, func(run *history.Run) {
			op := ack(run, 300)
			op.Call, op.Return = ms(3500), ms(3502)
		}, "silence", "", "1 write acknowledged while the fault was in effect"},
		{"a local acknowledgement during the cut", handmade.CutSync, func(run *history.Run) {
			op := ack(run, 300)
			op.Return, op.Outcome = ms(3502), history.LocalOnly
		}, "silence", "", "1 write acknowledged while the fault was in effect"},
		{"nobody tried during the cut", handmade.CutSync, func(run *history.Run) {
			op := ack(run, 300)
			op.Scheduled, op.Call = ms(4035), ms(4035)
		}, "", "silence", "Nobody tried"},
		{"nothing was written before the cut", handmade.CutSync, func(run *history.Run) {
			for i := range run.Ops {
				if op := &run.Ops[i]; op.Return < ms(3000) {
					op.Outcome, op.SQLState = history.Failed, "57P03"
					drop(run, op.Token)
				}
			}
		}, "", "silence operations", "before the fault"},
		{"writes never resume", handmade.CutSync, func(run *history.Run) {
			for i := range run.Ops {
				if op := &run.Ops[i]; op.Return > ms(4000) {
					op.Outcome, op.Return, op.SQLState = history.Unknown, ms(10010), ""
				}
			}
			run.Expect.NoUnknown = false
		}, "silence outage", "", "the outage never ended"},
		{"an outage over the budget", handmade.KillSync, func(run *history.Run) {
			run.Budget.Outage = 200 * time.Millisecond
		}, "outage", "", "for 260 ms, from 6.992 s to 7.252 s; the story allows 200 ms"},
		{"writes stop for good after the failover", handmade.KillSync, func(run *history.Run) {
			for i := range run.Ops {
				if op := &run.Ops[i]; op.Return > ms(7000) {
					op.Outcome = history.Unknown
				}
			}
			run.Budget.Outage = 2 * time.Second
		}, "outage", "", "from 6.992 s"},
		{"too few writes before the fault", handmade.KillSync, func(run *history.Run) {
			run.Budget.MinBefore = 301
		}, "", "operations", "Only 300 writes"},
		{"lost writes that were acknowledged only locally are told, not counted", handmade.KillSync, func(run *history.Run) {
			for i := range 4 {
				op := ack(run, 200)
				op.Outcome = history.LocalOnly
				drop(run, op.Token)
				op.Err = fmt.Sprint(i)
			}
			drop(run, ack(run, 7).Token)
		}, "durability", "", "of 4 acknowledged only locally 4 are missing"},
	}
}
