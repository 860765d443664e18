package check

import (
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// writable makes the probes of a node, in a stretch of time, see a primary.
func writable(run *history.Run, node string, from, to int) {
	for i := range run.Samples {
		if s := &run.Samples[i]; s.Node == node && s.At >= ms(from) && s.At < ms(to) {
			s.Up, s.InRecovery, s.Writable, s.Timeline = true, false, true, 1
		}
	}
}

// wrongRoles are runs in which something is wrong with who was primary, and when.
func wrongRoles() []wrong {
	return []wrong{
		{"the old primary is writable beside the new one", handmade.KillSync, func(run *history.Run) {
			writable(run, "pg1", 3400, 4000)
		}, "one-writable", "", "Two nodes accepted writes at once for"},
		{"for the time of one probe only", handmade.KillSync, func(run *history.Run) {
			writable(run, "pg1", 3400, 3440)
		}, "one-writable", "", "Two nodes accepted writes at once"},
		{"an old primary wakes and acknowledges a write between two probes", handmade.KillSync, func(run *history.Run) {
			op := ack(run, 350)
			op.Node, op.Timeline = "pg1", 1
		}, "one-writable", "", "when another had taken over"},
		{"two nodes write on the same timeline", handmade.KillSync, func(run *history.Run) {
			ack(run, 400).Node = "pg1"
		}, "one-writable", "", "when another had taken over"},
		{"split brain that the story does not intend", handmade.SplitBrain, func(run *history.Run) {
			run.Budget.TwoWrite, run.Expect.Overlap = false, false
		}, "one-writable", "", "85 writes on timeline 1 (pg1), of which 0 survived"},
		{"no split brain where there must be one", handmade.KillSync, func(run *history.Run) {
			run.Expect.Overlap, run.Budget.TwoWrite = true, true
		}, "one-writable", "", "that was not found"},
		{"the probes of a node are missing", handmade.KillSync, func(run *history.Run) {
			kept := run.Samples[:0]
			for _, s := range run.Samples {
				if s.Node != "pg1" {
					kept = append(kept, s)
				}
			}
			run.Samples = kept
		}, "", "one-writable", "pg1 never answered a probe"},
		{"no probe of a node was ever answered", handmade.KillSync, func(run *history.Run) {
			for i := range run.Samples {
				if s := &run.Samples[i]; s.Node == "pg1" {
					*s = history.Sample{Node: s.Node, At: s.At, Took: s.Took, Err: "password authentication failed"}
				}
			}
		}, "", "one-writable", "pg1 never answered"},
		{"the probes have a hole", handmade.KillSync, func(run *history.Run) {
			kept := run.Samples[:0]
			for _, s := range run.Samples {
				if s.Node != "pg2" || s.At < ms(4000) || s.At > ms(6500) {
					kept = append(kept, s)
				}
			}
			run.Samples = kept
		}, "", "one-writable", "pg2 was not probed"},
		{"two primaries at the end", handmade.KillSync, func(run *history.Run) {
			node := &run.Final[1]
			node.InRecovery, node.Timeline = false, 2
			node.Histories["00000003.history"] = run.Final[0].Histories["00000003.history"]
		}, "one-writable rejoined", "durability timelines", "both primaries"},
		{"a promotion too many", handmade.KillSync, func(run *history.Run) {
			run.Expect.Promotions = 1
		}, "timelines", "", "is 3 at the end, but after 1 promotion it must be 2"},
		{"a promotion that did not raise the timeline", handmade.KillSync, func(run *history.Run) {
			run.Expect.Promotions = 3
		}, "timelines", "", "is 3 at the end, but after 3 promotions it must be 4"},
		{"the history file is missing on the standby", handmade.KillSync, func(run *history.Run) {
			run.Final[1].Histories = nil
		}, "timelines", "", "pg2: 00000003.history is missing"},
		{"the history file tells of another branch", handmade.KillSync, func(run *history.Run) {
			run.Final[1].Histories = map[string]string{"00000003.history": "1\t0/5000000\tx\n2\t0/6000000\tx\n"}
		}, "timelines", "", "not the same as on pg1"},
		{"the history file has a gap", handmade.KillSync, func(run *history.Run) {
			both(run, func(node *history.NodeState) {
				first, _, _ := strings.Cut(node.Histories["00000003.history"], "\n")
				node.Histories["00000003.history"] = first + "\n"
			})
		}, "timelines", "", "does not say that it branched off timeline 2"},
		{"the history file is torn", handmade.KillSync, func(run *history.Run) {
			both(run, func(node *history.NodeState) { node.Histories["00000003.history"] = "1\t0" })
		}, "timelines", "", "cannot be read"},
	}
}
