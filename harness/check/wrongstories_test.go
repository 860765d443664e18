package check

import (
	"time"

	"github.com/pgcrucible/pgcrucible/harness/handmade"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// logged adds a line to pg2's log.
func logged(milliseconds int, level, state, text string) func(*history.Run) {
	return func(run *history.Run) {
		run.Final[1].Log = append(run.Final[1].Log, handmade.Line(run, milliseconds, level, state, text))
	}
}

// wrongStories are runs in which something is wrong with the story, the faults or the servers' logs.
func wrongStories() []wrong {
	return []wrong{
		{
			"the story stopped", handmade.KillSync, func(run *history.Run) { run.Error = "rejoin pg1: context deadline exceeded" },
			"story", "", "rejoin pg1",
		},
		{
			"a fault stays", handmade.KillSync, func(run *history.Run) { run.Dirty = true },
			"story", "", "could not be taken back",
		},
		{
			"the tester died", handmade.KillSync, func(run *history.Run) { run.Ended = time.Time{} },
			"", "story", "no end",
		},
		{
			"nothing was played", handmade.KillSync, func(run *history.Run) { run.Skipped = "no nftables here" },
			"", "story", "no nftables here",
		},
		{
			"a format of the future", handmade.KillSync, func(run *history.Run) { run.Format = 2 },
			"", "story", "format 2",
		},
		{"the fault did not bite", handmade.CutSync, func(run *history.Run) {
			span(run, history.SpanFault).Err = "a connection from pg1 to pg2 still works"
		}, "faults", "", "still works"},
		{
			"the fault has no evidence", handmade.CutSync, func(run *history.Run) { span(run, history.SpanFault).Values = nil },
			"", "faults", "No evidence",
		},
		{"the fault was not taken back", handmade.CutSync, func(run *history.Run) {
			span(run, history.SpanRevert).Err = "the rule is still there"
		}, "faults", "", "the rule is still there"},
		{"a failover without a fault", handmade.KillSync, func(run *history.Run) {
			span(run, history.SpanFault).Name = history.SpanMark
		}, "", "faults", "none is recorded"},
		{"the rewind was not refused", handmade.Rebuilt, func(run *history.Run) {
			span(run, history.SpanRewind).Values["how"] = "rewind"
			span(run, history.SpanRebuild).Name = history.SpanMark
		}, "way-back", "", "was not refused"},
		{
			"rebuilt without a reason", handmade.Rebuilt, func(run *history.Run) { span(run, history.SpanRebuild).Values = nil },
			"", "way-back", "reason is not recorded",
		},
		{"a rewind where none may be needed", handmade.Switchover, func(run *history.Run) {
			run.Spans = append(run.Spans, history.Span{Name: history.SpanRewind, Node: "pg1", Start: ms(3300), End: ms(3400)})
		}, "way-back", "", "had to be rewound"},
		{"the old primary never came back", handmade.KillSync, func(run *history.Run) {
			for i := range run.Spans {
				if s := &run.Spans[i]; s.Name == history.SpanRejoin || s.Name == history.SpanRewind {
					s.Name = history.SpanMark
				}
			}
		}, "", "way-back", "never came back"},
		{
			"a PANIC", handmade.KillSync, logged(3100, "PANIC", "XX000", "could not write to file \"pg_wal/xlogtemp.1\""),
			"logs", "", "PANIC XX000",
		},
		{
			"a FATAL that no story explains", handmade.KillSync, logged(3100, "FATAL", "28P01", "password authentication failed"),
			"logs", "", "password authentication failed",
		},
		{
			"a FATAL that would be explained, when all was calm", handmade.CutSync, logged(1500, "FATAL", "57P01", "terminating connection"),
			"logs", "", "terminating connection",
		},
		{
			"a damaged page that a query met", handmade.KillSync, logged(3100, "ERROR", "XX001", "invalid page in block 0"),
			"logs", "", "invalid page",
		},
		{"a log line at no time", handmade.KillSync, func(run *history.Run) {
			run.Final[0].Log = []history.LogLine{{At: "yesterday", Level: "FATAL", State: "57P01", Text: "terminating"}}
		}, "", "logs", "cannot be told"},
		{
			"a log that was not read", handmade.KillSync, func(run *history.Run) { run.Final[0].LogLines = 0 },
			"", "logs", "its log was not read",
		},
		{
			"a node that could not be read in full", handmade.KillSync, func(run *history.Run) { run.Final[1].Err = "timeout" },
			"", "contents slots prepared identity checksums amcheck archive logs", "timeout",
		},
	}
}
