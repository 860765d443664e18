package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// recoverEvery is between looks at whether the cluster has recovered.
const recoverEvery = 50 * time.Millisecond

// Recovered waits until the cluster works again: one primary, to which every other node streams, and a row written now is
// read on each. That is later than healed: a connection that hung resumes with TCP's next retransmission only. It records
// the moment and returns it on the run's clock.
func (r *Runner) Recovered(ctx context.Context) (time.Duration, error) {
	var last error
	for {
		if last = r.whole(ctx); last == nil {
			now := r.Recorder.Now()
			r.Recorder.Span(history.Span{Name: history.SpanMark, Detail: "recovered", Start: now, End: now})
			return now, nil
		}
		if err := pause(ctx, recoverEvery); err != nil {
			return 0, fmt.Errorf("wait until the cluster has recovered: %w", last)
		}
	}
}

// wholeWithin bounds one look, so that a connection that hangs is given up for a new one.
const wholeWithin = 2 * time.Second

func (r *Runner) whole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wholeWithin)
	defer cancel()
	primary, err := r.Cluster.Primary(ctx)
	if err != nil {
		return err
	}
	standbys := r.Cluster.Peers(primary)
	var streaming int
	query := `select count(*) from pg_stat_replication where state = 'streaming'`
	if err := primary.Query(ctx, query, nil, &streaming); err != nil {
		return err
	}
	if streaming < len(standbys) {
		return fmt.Errorf("%d of %d standbys stream from %s", streaming, len(standbys), primary)
	}
	token, err := r.Cluster.Mark(ctx, primary)
	if err != nil {
		return err
	}
	return awaitMarks(ctx, standbys, token)
}

func awaitMarks(ctx context.Context, standbys []*cluster.Node, token string) error {
	for _, standby := range standbys {
		if err := standby.AwaitMark(ctx, token); err != nil {
			return err
		}
	}
	return nil
}
