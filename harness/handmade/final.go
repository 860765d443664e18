package handmade

import (
	"maps"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// finish is the final look at a pair that is whole: pg1 is the primary again and pg2 its standby.
func (b *builder) finish() *history.Run {
	b.run.Final = []history.NodeState{b.node("pg1", "pg2"), b.node("pg2", "pg1")}
	first, second := &b.run.Final[0], &b.run.Final[1]
	state := history.Peer{Name: "pg2", State: "streaming", Sync: "async", Replay: b.lsn}
	if b.run.Commit != "async" {
		state.Sync = "sync"
	}
	first.Streaming = []history.Peer{state}
	first.Slots = []history.Slot{{Name: "pg2", Active: true, Status: "reserved"}}
	first.Archiver = &history.Archiver{Archived: 4}
	second.InRecovery = true
	second.Receiver = &history.Receiver{Status: "streaming", Timeline: b.timeline, Slot: "pg2"}
	second.Archiver = &history.Archiver{Archived: 2}
	second.Sequences = map[string]string{"app.ids": "132"} // logged ahead
	return b.run
}

func (b *builder) node(name, peer string) history.NodeState {
	settings := map[string]string{"cluster_name": name, "port": "5432", "primary_conninfo": "host=" + peer, "primary_slot_name": name, "archive_mode": "on"}
	histories := map[string]string{}
	if b.timeline > 1 {
		histories[b.timeline.File()] = b.ancestry
	}
	return history.NodeState{
		Node: name, Up: true, Timeline: b.timeline, LSN: b.lsn + perOp, System: "7512345678901234567",
		Tokens: maps.Clone(b.present), Marker: "written last",
		Tables:    map[string]string{"app.ledger": "a1b2", "app.ballast": "c3d4"},
		Schema:    "e5f6",
		Sequences: map[string]string{"app.ids": "100"},
		Roles:     map[string]string{"app": "login", "replica": "replication login"},
		Settings:  settings, Want: maps.Clone(settings), Histories: histories,
		Checksums: &history.Verification{Ran: true, Clean: true}, Amcheck: &history.Verification{Ran: true, Clean: true},
		LogLines: 80, ControlData: map[string]string{"Database cluster state": "in production"},
	}
}

// Line is a line of a node's log, written at a moment of the run's clock.
func Line(run *history.Run, milliseconds int, level, state, text string) history.LogLine {
	at := run.Began.Add(ms(milliseconds)).Format("2006-01-02 15:04:05.000 MST")
	return history.LogLine{At: at, Level: level, State: state, Text: text}
}

// log adds a line to a node's log.
func (b *builder) log(node string, milliseconds int, level, state, text string) {
	for i := range b.run.Final {
		if b.run.Final[i].Node == node {
			b.run.Final[i].Log = append(b.run.Final[i].Log, Line(b.run, milliseconds, level, state, text))
		}
	}
}
