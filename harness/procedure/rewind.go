package procedure

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// rewind runs pg_rewind against the primary. A refusal is no error: the answer is Rebuilt, with the reason. After a crash
// pg_rewind itself has PostgreSQL recover the folder first, in single-user mode, which does not go with standby.signal.
func (m Manual) rewind(ctx context.Context, c *cluster.Cluster, old, primary *cluster.Node) (back Rejoined, err error) {
	err = c.Recorder().Do(history.SpanRewind, old.Name(), func(span *history.Span) error {
		ctx, cancel := context.WithTimeoutCause(ctx, m.copying(), errStep)
		defer cancel()
		if _, err := old.Shell(ctx, `rm -f "$1/standby.signal" "$1/recovery.signal"`, old.DataDir()); err != nil {
			return err
		}
		run, err := startRewind(ctx, old, primary)
		if err != nil {
			return err
		}
		points := newSteps(Rewind10, Rewind50, Rewind90)
		ended, err := run.wait(ctx, func(s state) error { return m.reach(ctx, run, points, s) })
		if err != nil {
			return err
		}
		back = rewound(ended)
		span.Values = back.values()
		span.Values["from"], span.Values["to"] = ParseRewound(ended.output)
		return nil
	})
	if err != nil {
		return back, fmt.Errorf("pg_rewind: %w", err)
	}
	return back, nil
}

// startRewind has pg_rewind fetch WAL that is gone from pg_wal from the archive, where there is one: with no restore_command
// it would refuse that option.
func startRewind(ctx context.Context, old, primary *cluster.Node) (*job, error) {
	argv := []string{
		"pg_rewind", "--target-pgdata=" + old.DataDir(), "--source-server=" + primary.Conninfo(cluster.Rewind),
		"--write-recovery-conf", "--progress",
	}
	restore, err := old.Shell(ctx, `postgres -D "$1" -C restore_command`, old.DataDir())
	if err != nil {
		return nil, fmt.Errorf("read restore_command: %w", err)
	}
	if strings.TrimSpace(restore) != "" {
		argv = append(argv, "--restore-target-wal")
	}
	return start(ctx, old, "rewind", argv...)
}

// rewound is what an ended pg_rewind comes to.
func rewound(s state) Rejoined {
	progress, _ := ParseProgress(s.output)
	switch {
	case s.status != 0:
		reason := Refusal(s.output)
		if reason == "" {
			reason = "no word"
		}
		if s.status > 128 {
			reason += fmt.Sprintf(" (ended by signal %d)", s.status-128)
		}
		return Rejoined{How: Rebuilt, Reason: reason}
	case NoRewindRequired(s.output):
		return Rejoined{How: NoOp}
	}
	return Rejoined{How: Rewound, Bytes: progress.Done}
}

// values are the answer as a span records it.
func (r Rejoined) values() map[string]string {
	values := map[string]string{"how": string(r.How), "bytes": strconv.FormatInt(r.Bytes, 10)}
	if r.Reason != "" {
		values["reason"] = r.Reason
	}
	return values
}
