package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// One SQLSTATE or more of every class in PostgreSQL's appendix A, with what it means once a commit may have been sent.
func TestClassifyEveryClassOfSQLSTATE(t *testing.T) {
	const failed, unknown = history.Failed, history.Unknown
	table := map[string]history.Outcome{
		"00000": unknown, "01000": unknown, "02000": unknown, "03000": unknown,
		"08000": unknown, "08003": unknown, "08006": unknown, "08007": unknown, "08P01": unknown,
		"09000": unknown, "0A000": unknown, "0B000": unknown, "0F000": unknown, "0L000": unknown, "0P000": unknown, "0Z000": unknown,
		"20000": unknown, "21000": unknown, "22001": unknown, "22P02": unknown,
		"23000": unknown, "23502": unknown, "23503": unknown, "23505": failed, "23514": unknown,
		"24000": unknown, "25000": unknown, "25006": failed, "25P02": failed, "25P03": unknown, "25P04": unknown,
		"26000": unknown, "27000": unknown, "28000": unknown, "28P01": unknown, "2B000": unknown, "2D000": unknown, "2F000": unknown,
		"34000": unknown, "38000": unknown, "39000": unknown, "3B000": unknown, "3D000": unknown, "3F000": unknown,
		"40000": unknown, "40001": failed, "40002": unknown, "40003": unknown, "40P01": failed,
		"42501": unknown, "42601": unknown, "42P01": unknown, "44000": unknown,
		"53000": unknown, "53100": unknown, "53200": unknown, "53300": unknown, "54000": unknown,
		"55000": unknown, "55006": unknown, "55P03": unknown,
		"57000": unknown, "57014": unknown, "57P01": unknown, "57P02": unknown, "57P03": failed, "57P04": unknown, "57P05": unknown,
		"58000": unknown, "58030": unknown, "58P01": unknown, "72000": unknown, "F0000": unknown, "HV000": unknown,
		"P0000": unknown, "P0001": unknown, "XX000": unknown, "XX001": unknown, "XX002": unknown, "": unknown, "junk": unknown,
	}
	for state, want := range table {
		err := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: state})
		if got := classify(commitSent, err, false); got != want {
			t.Errorf("%q after the commit may have been sent: %v, want %v", state, got, want)
		}
		if got := classify(notSent, err, false); got != history.Failed {
			t.Errorf("%q before the commit could be sent: %v, want failed", state, got)
		}
	}
}

func TestClassifyWithoutSQLSTATE(t *testing.T) {
	for _, test := range []struct {
		name  string
		at    stage
		err   error
		local bool
		want  history.Outcome
	}{
		{"acknowledged", commitSent, nil, false, history.OK},
		{"acknowledged, wait cancelled", commitSent, nil, true, history.LocalOnly},
		{"never asked for", notSent, nil, false, history.Unknown},
		{"connection lost", commitSent, io.ErrUnexpectedEOF, false, history.Unknown},
		{"connection lost after the notice", commitSent, io.ErrUnexpectedEOF, true, history.Unknown},
		{"time is up", commitSent, context.DeadlineExceeded, false, history.Unknown},
		{"connection lost in the transaction", notSent, io.ErrUnexpectedEOF, false, history.Failed},
		{"the server answered commit with rollback", commitSent, pgx.ErrTxCommitRollback, false, history.Failed},
		{"the driver sent nothing", commitSent, retryable{errors.New("conn busy")}, false, history.Failed},
		{"the driver knows no more than that the connection is closed", commitSent, retryable{pgconn.ErrConnClosed}, false, history.Unknown},
	} {
		if got := classify(test.at, test.err, test.local); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// retryable is an error as pgconn marks those that came before anything was sent.
type retryable struct{ error }

func (retryable) SafeToRetry() bool { return true }

func (r retryable) Unwrap() error { return r.error }

func TestWaitCancelled(t *testing.T) {
	for _, test := range []struct {
		notice pgconn.Notice
		want   bool
	}{
		{pgconn.Notice{Code: "01000", Routine: "SyncRepWaitForLSN", Message: "annulation de l'attente"}, true},
		{pgconn.Notice{Code: "01000"}, true},
		{pgconn.Notice{Code: "01000", Routine: "exec_stmt_raise", Message: "canceling wait for synchronous replication"}, false},
		{pgconn.Notice{Code: "57P01", Routine: "SyncRepWaitForLSN"}, false},
		{pgconn.Notice{Code: "00000", Routine: "SyncRepWaitForLSN"}, false},
	} {
		if got := waitCancelled(&test.notice); got != test.want {
			t.Errorf("%+v: %v, want %v", test.notice, got, test.want)
		}
	}
}
