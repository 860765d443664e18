package reports

import (
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// A bin is what happened within a short stretch of the clock. Writes count where their outcome became known; latency, from
// the moment a write was due, counts where it was due, so that an outage is seen as the wait that it was.
type bin struct {
	acknowledged, failed, unknown int
	p50, p95, p99                 time.Duration // of acknowledged writes that were due in this bin
	waited                        int           // how many those are
	lag                           int64         // most bytes that a standby was behind; -1 if that was not seen
}

// fill puts a run's operations and samples into the bins of an axis. It needs one pass and sorts each bin once.
func fill(run *history.Run, a axis) []bin {
	bins := make([]bin, a.bins())
	waits := make([][]time.Duration, len(bins))
	for i := range run.Ops {
		op := &run.Ops[i]
		if n := a.index(op.Return); n >= 0 {
			bins[n].add(op.Outcome)
		}
		if n := a.index(op.Scheduled); n >= 0 && acknowledged(op.Outcome) {
			waits[n] = append(waits[n], op.Return-op.Scheduled)
		}
	}
	for n, w := range waits {
		slices.Sort(w)
		bins[n].waited = len(w)
		bins[n].p50, bins[n].p95, bins[n].p99 = percentile(w, 50), percentile(w, 95), percentile(w, 99)
		bins[n].lag = -1
	}
	fillLag(run, a, bins)
	return bins
}

func (b *bin) add(outcome history.Outcome) {
	switch {
	case acknowledged(outcome):
		b.acknowledged++
	case outcome == history.Failed:
		b.failed++
	default:
		b.unknown++
	}
}

func acknowledged(o history.Outcome) bool { return o == history.OK || o == history.LocalOnly }

// percentile of sorted values: the smallest that at least p percent do not exceed; 0 of nothing.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// fillLag takes how far a standby's replay was behind the newest position that was seen on a writable node of its timeline.
func fillLag(run *history.Run, a axis, bins []bin) {
	type head struct {
		timeline, lsn uint64
	}
	newest := head{}
	for i := range run.Samples {
		s := &run.Samples[i]
		switch {
		case !s.Up:
		case s.Writable:
			if seen := (head{uint64(s.Timeline), uint64(s.Write)}); seen.timeline > newest.timeline || seen.timeline == newest.timeline && seen.lsn > newest.lsn {
				newest = seen
			}
		case s.InRecovery && uint64(s.Timeline) == newest.timeline && s.Replay > 0:
			if n := a.index(s.At); n >= 0 {
				bins[n].lag = max(bins[n].lag, int64(newest.lsn)-int64(s.Replay), 0) //nolint:gosec // WAL positions are far below 8 EB
			}
		}
	}
}
