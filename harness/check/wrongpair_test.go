package check

import (
	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// wrongPair are runs after which something is wrong with the pair.
func wrongPair() []wrong {
	primary := func(change func(node *history.NodeState)) func(*history.Run) {
		return func(run *history.Run) { change(&run.Final[0]) }
	}
	standby := func(change func(node *history.NodeState)) func(*history.Run) {
		return func(run *history.Run) { change(&run.Final[1]) }
	}
	return []wrong{
		{"the standby is stuck in state startup", handmade.KillSync, func(run *history.Run) {
			run.Final[0].Streaming[0].State = "startup"
		}, "rejoined", "", "0 standbys that stream"},
		{
			"the standby's receiver waits", handmade.KillAsync, standby(func(n *history.NodeState) { n.Receiver.Status = "waiting" }),
			"rejoined", "", "not streaming",
		},
		{
			"the standby receives nothing", handmade.KillAsync, standby(func(n *history.NodeState) { n.Receiver = nil }),
			"rejoined", "slots", "receives nothing",
		},
		{
			"the standby receives another timeline", handmade.KillAsync, standby(func(n *history.NodeState) { n.Receiver.Timeline = 2 }),
			"rejoined", "", "receives timeline 2",
		},
		{
			"the standby never replayed the new timeline", handmade.KillAsync, standby(func(n *history.NodeState) { n.Timeline = 2 }),
			"rejoined", "", "it is on timeline 2",
		},
		{
			"the row written last is not on the standby", handmade.KillAsync, standby(func(n *history.NodeState) { n.Marker = "an old one" }),
			"rejoined", "", "an old one",
		},
		{
			"the standby is down", handmade.KillAsync, standby(func(n *history.NodeState) { *n = history.NodeState{Node: "pg2", Err: "connection refused"} }),
			"rejoined", "contents slots prepared identity checksums amcheck archive logs", "it is not up (connection refused)",
		},
		{"synchronous commits no longer wait", handmade.KillSync, func(run *history.Run) {
			run.Final[0].Streaming[0].Sync = "async"
		}, "rejoined", "", "does not wait for its standby any more"},
		{"no marker was written", handmade.KillSync, func(run *history.Run) {
			both(run, func(node *history.NodeState) { node.Marker = "" })
		}, "", "rejoined", "No marker row"},
		{
			"a row was changed on the standby", handmade.KillAsync, standby(func(n *history.NodeState) { n.Tables["app.ledger"] = "ffff" }),
			"contents", "", "pg2: the rows of app.ledger: not the same",
		},
		{
			"a table is missing on the standby", handmade.KillAsync, standby(func(n *history.NodeState) { delete(n.Tables, "app.ballast") }),
			"contents", "", "app.ballast: missing here",
		},
		{
			"a table is on the standby only", handmade.KillAsync, standby(func(n *history.NodeState) { n.Tables["app.extra"] = "1" }),
			"contents", "", "on this node only",
		},
		{
			"the definitions differ", handmade.KillAsync, standby(func(n *history.NodeState) { n.Schema = "0000" }),
			"contents", "", "definitions",
		},
		{
			"a sequence is behind on the standby", handmade.KillAsync, standby(func(n *history.NodeState) { n.Sequences["app.ids"] = "99" }),
			"contents", "", "the sequence app.ids",
		},
		{
			"a sequence is too far ahead on the standby", handmade.KillAsync, standby(func(n *history.NodeState) { n.Sequences["app.ids"] = "133" }),
			"contents", "", "the sequence app.ids",
		},
		{
			"a role differs", handmade.KillAsync, standby(func(n *history.NodeState) { n.Roles["app"] = "superuser login" }),
			"contents", "", "the role app",
		},
		{
			"contents differ and the standby is still behind", handmade.KillAsync, standby(func(n *history.NodeState) { n.Tables["app.ledger"], n.LSN = "ffff", n.LSN-1 }),
			"", "contents", "still behind",
		},
		{
			"the standby's slot is missing", handmade.KillAsync, primary(func(n *history.NodeState) { n.Slots = nil }),
			"slots", "", "its slot pg2 is missing on pg1",
		},
		{"a slot is left over on the old primary", handmade.KillAsync, standby(func(n *history.NodeState) {
			n.Slots = []history.Slot{{Name: "pg1", Status: "reserved"}}
		}), "slots", "", "nobody uses slot pg1"},
		{
			"the standby uses no slot", handmade.KillAsync, standby(func(n *history.NodeState) { n.Receiver.Slot = "" }),
			"slots", "", "without a slot",
		},
		{
			"the slot has lost its WAL", handmade.KillAsync, primary(func(n *history.NodeState) { n.Slots[0].Status = "lost" }),
			"slots", "", "slot pg2 is lost",
		},
		{
			"a prepared transaction is left over", handmade.KillAsync, primary(func(n *history.NodeState) { n.Prepared = []string{"transfer-17"} }),
			"prepared", "", "transfer-17",
		},
		{
			"the standby has the other's settings", handmade.KillAsync, standby(func(n *history.NodeState) { n.Settings["primary_conninfo"] = "host=pg2" }),
			"identity", "", `primary_conninfo is "host=pg2" and must be "host=pg1"`,
		},
		{
			"the standby is of another system", handmade.KillAsync, standby(func(n *history.NodeState) { n.System = "1" }),
			"identity", "", "system identifier",
		},
		{"a page has a wrong checksum", handmade.KillAsync, standby(func(n *history.NodeState) {
			n.Checksums = &history.Verification{Ran: true, Detail: "base/5/16401, block 0"}
		}), "checksums", "", "base/5/16401"},
		{"checksums were not looked at", handmade.KillAsync, standby(func(n *history.NodeState) {
			n.Checksums = &history.Verification{Detail: "pg_checksums: not found"}
		}), "", "checksums", "not found"},
		{"a node has data checksums that the run was to be without", handmade.KillAsync, func(run *history.Run) {
			run.Expect.NoChecksums = true
			run.Final[0].Settings["data_checksums"], run.Final[1].Settings["data_checksums"] = "off", "on"
		}, "checksums", "", "data checksums are on"},
		{"whether there are data checksums is not known", handmade.KillAsync, func(run *history.Run) { run.Expect.NoChecksums = true }, "", "checksums", "was not read"},
		{"an index is damaged", handmade.KillAsync, primary(func(n *history.NodeState) {
			n.Amcheck = &history.Verification{Ran: true, Detail: "item order invariant violated"}
		}), "amcheck", "", "item order"},
		{
			"archiving fails on the promoted node", handmade.KillAsync, primary(func(n *history.NodeState) { n.Archiver = &history.Archiver{Archived: 1, Failed: 7} }),
			"archive", "", "failed 7 times",
		},
		{
			"archiving never began", handmade.KillAsync, primary(func(n *history.NodeState) { n.Archiver = &history.Archiver{} }),
			"", "archive", "nothing was archived",
		},
	}
}
