package workload

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// The protocol of one insert cut at every point, and what the client may say it knows.
func TestOutcomeAtEveryCut(t *testing.T) {
	bound, described, answered, done := &pgproto3.BindComplete{}, fields("timeline", "lsn"), row("3", "0/3000060"), tag("INSERT 0 1")
	cancelled := &pgproto3.NoticeResponse{Severity: "WARNING", Code: "01000", Routine: "SyncRepWaitForLSN"}
	insert := func(messages ...pgproto3.BackendMessage) func(*fakeConn) {
		return func(c *fakeConn) {
			c.prepared()
			c.until()
			c.say(messages...)
		}
	}
	for _, test := range []struct {
		name  string
		play  func(*fakeConn)
		want  history.Outcome
		state string
	}{
		{"hung up on connecting", func(*fakeConn) {}, history.Failed, ""},
		{"starting up", func(c *fakeConn) { c.say(refuse("FATAL", "57P03")) }, history.Failed, "57P03"},
		{"too many connections", func(c *fakeConn) { c.say(refuse("FATAL", "53300")) }, history.Failed, "53300"},
		{"silent on connecting", (*fakeConn).silence, history.Failed, ""},
		{"hung up after the welcome", (*fakeConn).welcome, history.Failed, ""},
		{"refused to prepare", func(c *fakeConn) { c.welcome(); c.until(); c.say(refuse("FATAL", "57P01")) }, history.Failed, "57P01"},
		{"no answer, hung up", insert(), history.Unknown, ""},
		{"no answer, silent", func(c *fakeConn) { c.prepared(); c.silence() }, history.Unknown, ""},
		{"hung up when bound", insert(bound, described), history.Unknown, ""},
		{"hung up with the row", insert(bound, described, answered), history.Unknown, ""},
		{"hung up with the tag", insert(bound, described, answered, done), history.Unknown, ""},
		{"read-only", insert(bound, described, refuse("ERROR", "25006"), ready), history.Failed, "25006"},
		{"duplicate", insert(bound, described, refuse("ERROR", "23505"), ready), history.Failed, "23505"},
		{"refused at the commit", insert(bound, described, answered, done, refuse("ERROR", "40001"), ready), history.Failed, "40001"},
		{"fsync failed", insert(bound, described, answered, done, refuse("ERROR", "58030"), ready), history.Unknown, "58030"},
		{"shut down", insert(bound, described, refuse("FATAL", "57P01")), history.Unknown, "57P01"},
		{"crash of another backend", insert(&pgproto3.NoticeResponse{Severity: "WARNING", Code: "57P02"}), history.Unknown, "57P02"},
		{"acknowledged", insert(bound, described, answered, done, ready), history.OK, ""},
		{"acknowledged, wait cancelled", insert(bound, described, answered, done, cancelled, ready), history.LocalOnly, "01000"},
		{"wait cancelled, hung up", insert(bound, described, answered, done, cancelled), history.Unknown, "01000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			op := oneInsert(t, newTestSession(serve(t, test.play)))
			if op.Outcome != test.want || op.SQLState != test.state {
				t.Errorf("%v %q (%s), want %v %q", op.Outcome, op.SQLState, op.Err, test.want, test.state)
			}
			if acknowledged := op.Timeline == 3 && op.LSN == 0x3000060; (op.Outcome == history.OK || op.Outcome == history.LocalOnly) != (acknowledged && op.Err == "") {
				t.Errorf("outcome %v with timeline %d, LSN %v, error %q", op.Outcome, op.Timeline, op.LSN, op.Err)
			}
		})
	}
}

// A statement in the simple protocol, as COMMIT and PREPARE TRANSACTION are sent: the driver's error for a lost connection claims that nothing was.
func TestSimpleQueryCut(t *testing.T) {
	for name, test := range map[string]struct {
		answer []pgproto3.BackendMessage
		want   history.Outcome
	}{
		"no answer":    {nil, history.Unknown},
		"with the tag": {[]pgproto3.BackendMessage{tag("COMMIT PREPARED")}, history.Unknown},
		"shut down":    {[]pgproto3.BackendMessage{refuse("FATAL", "57P01")}, history.Unknown},
		"rolled back":  {[]pgproto3.BackendMessage{refuse("ERROR", "40001"), ready}, history.Failed},
		"acknowledged": {[]pgproto3.BackendMessage{tag("COMMIT PREPARED"), ready}, history.OK},
	} {
		t.Run(name, func(t *testing.T) {
			session := newTestSession(serve(t, func(c *fakeConn) {
				c.prepared()
				_, _ = c.Receive()
				c.say(test.answer...)
			}))
			op := history.Op{Token: "a"}
			session.statement(t.Context(), &watch{}, &op, func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, "commit prepared 'a'", pgx.QueryExecModeSimpleProtocol)
				return err
			})
			if op.Outcome != test.want {
				t.Errorf("%v (%s), want %v", op.Outcome, op.Err, test.want)
			}
		})
	}
}

// A server that said goodbye while the connection was idle was not asked: the operation goes to the next connection.
func TestGoodbyeWhileIdleIsNotUnknown(t *testing.T) {
	for name, goodbye := range map[string]func(*fakeConn){
		"told": func(c *fakeConn) { c.say(refuse("FATAL", "57P01")) }, "hung up": func(*fakeConn) {},
	} {
		t.Run(name, func(t *testing.T) {
			left := make(chan struct{})
			session := newTestSession(serve(t, func(c *fakeConn) {
				c.prepared()
				c.inserted()
				goodbye(c)
				c.Close()
				close(left)
			}, func(c *fakeConn) { c.prepared(); c.inserted() }))
			first := oneInsert(t, session)
			<-left
			if second := oneInsert(t, session); first.Outcome != history.OK || second.Outcome != history.OK {
				t.Errorf("%v, then %v (%s): want ok twice", first.Outcome, second.Outcome, second.Err)
			}
		})
	}
}

// A notice belongs to the operation it came with, not to the next.
func TestNoticeIsForgotten(t *testing.T) {
	session := newTestSession(serve(t, func(c *fakeConn) {
		c.prepared()
		c.until()
		c.say(&pgproto3.BindComplete{}, fields("timeline", "lsn"), row("3", "0/3000060"), tag("INSERT 0 1"),
			&pgproto3.NoticeResponse{Severity: "WARNING", Code: "01000", Routine: "SyncRepWaitForLSN"}, ready)
		c.inserted()
	}))
	if first, second := oneInsert(t, session), oneInsert(t, session); first.Outcome != history.LocalOnly || second.Outcome != history.OK {
		t.Errorf("%v, then %v: want local-only, then ok", first.Outcome, second.Outcome)
	}
}

// What was sent when the load ends gets its outcome; what was not is refused by the client itself.
func TestEndOfTheLoad(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	session := newTestSession(serve(t, func(c *fakeConn) {
		c.prepared()
		c.until()
		cancel()
		c.say(&pgproto3.BindComplete{}, fields("timeline", "lsn"), row("3", "0/3000060"), tag("INSERT 0 1"), ready)
	}))
	op := history.Op{Token: "a"}
	insertToken(ctx, session, &watch{}, &op)
	if op.Outcome != history.OK {
		t.Errorf("sent before the end: %v (%s), want ok", op.Outcome, op.Err)
	}
	session.drop(ctx)
	insertToken(ctx, session, &watch{}, &op)
	if op.Outcome != history.Failed {
		t.Errorf("due after the end: %v, want failed", op.Outcome)
	}
}

func oneInsert(t *testing.T, session *session) history.Op {
	t.Helper()
	op := history.Op{Token: "a"}
	insertToken(t.Context(), session, &watch{}, &op)
	return op
}
