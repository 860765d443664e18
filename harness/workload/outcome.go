package workload

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// stage is how far an operation had got when its error came.
type stage uint8

const (
	notSent    stage = iota // nothing that the server could commit was sent
	commitSent              // a COMMIT, or a statement that commits by itself, may have been sent
)

// refused are the SQLSTATEs that rule a commit out although it was asked for: the server answered that it rolled back,
// or that it never began. Any other error after that point leaves the commit in doubt: a row whose commit failed with
// an I/O error on fsync (58030) was there after the restart, and 57P01 may answer a statement or an idle connection.
func refused(sqlState string) bool {
	switch sqlState {
	case
		"40001", // serialization_failure
		"40P01", // deadlock_detected
		"25006", // read_only_sql_transaction
		"25P02", // in_failed_sql_transaction
		"23505", // unique_violation
		"57P03": // cannot_connect_now
		return true
	}
	return false
}

// classify says what a client knows when an operation that got to a stage ended with err. localOnly is whether
// PostgreSQL gave notice that the wait for the standby was cancelled.
func classify(at stage, err error, localOnly bool) history.Outcome {
	switch {
	case err == nil && at == notSent:
		return history.Unknown // nobody asked for a commit, nobody refused it: a caller's mistake is not a success
	case err == nil && localOnly:
		return history.LocalOnly
	case err == nil:
		return history.OK
	case at == notSent, unsent(err), errors.Is(err, pgx.ErrTxCommitRollback), refused(sqlState(err)):
		return history.Failed
	}
	return history.Unknown
}

// unsent says whether the driver knows that nothing was sent. Its "conn closed" is no such knowledge, although it is safe to retry by its own word: a
// connection that is lost while the answer to a simple query is awaited ends in that error, too (pgconn 5.12, MultiResultReader).
func unsent(err error) bool {
	return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
}

// sqlState is the SQLSTATE of the server's answer in err, "" if the server did not answer.
func sqlState(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// waitCancelled tells the warning of a cancelled wait for the synchronous standby from others of SQLSTATE 01000, by the
// function of PostgreSQL that raised it and never by its text, which is translated (src/backend/replication/syncrep.c).
// A server or proxy that leaves the function out gives no other warning on the statements used here.
func waitCancelled(notice *pgconn.Notice) bool {
	return notice.Code == "01000" && (notice.Routine == "SyncRepWaitForLSN" || notice.Routine == "")
}

// oneLine is an error's text, fit for a line of a report.
func oneLine(err error) string {
	const most = 300
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
