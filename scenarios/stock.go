package scenarios

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/inspect"
)

// Stock keeps the pair of a good run for the next repetition of the same, which has it reset (cluster.Reset) instead of built. Each reset pair is
// held against what the fresh one of its kind said of itself; one that is not equal in all of it is removed, and a fresh one
// built in its place. The pair of a bad run is never kept. The zero value is empty. Not for several runs at once; nil keeps nothing.
type Stock struct {
	pair  *cluster.Cluster
	kind  string            // of the runs that first speaks for
	first inspect.Beginning // of the fresh pair
}

// resetWithin bounds one reset and the look at what came of it.
const resetWithin = 3 * time.Minute

// Close removes the pair that is kept, if one is.
func (s *Stock) Close(ctx context.Context) error {
	if !s.Holds() {
		return nil
	}
	pair := s.pair
	s.pair = nil
	return pair.Close(ctx)
}

// Holds says whether a pair is kept.
func (s *Stock) Holds() bool { return s != nil && s.pair != nil }

// take is the pair for a run of a kind, and how it came to be, for the manifest: "fresh", "fresh, because ...", "reset; ...".
// What the last run finds need not be remembered.
func (s *Stock) take(ctx context.Context, kind string, config cluster.Config, last bool) (pair *cluster.Cluster, how string, err error) {
	how = "fresh"
	if s.Holds() {
		pair, why := s.reset(ctx, kind, config)
		if why == nil {
			return pair, fmt.Sprintf("reset; equal to the fresh one in %d things", s.first.Count()), nil
		}
		how += ", because the last one could not be reset: " + strings.Join(strings.Fields(why.Error()), " ")
	}
	if pair, err = cluster.Start(ctx, config); err != nil || s == nil || last {
		return pair, how, err
	}
	if s.first, err = inspect.Begin(ctx, pair); err != nil {
		s.kind = "" // it stands for nothing; the run itself can be played
		return pair, how + "; what it says of itself was not read: " + strings.Join(strings.Fields(err.Error()), " "), nil
	}
	s.kind = kind
	return pair, how, nil
}

// reset makes the kept pair one for the next run, or removes it and says why not.
func (s *Stock) reset(ctx context.Context, kind string, config cluster.Config) (*cluster.Cluster, error) {
	old := s.pair
	s.pair = nil
	ctx, cancel := context.WithTimeout(ctx, resetWithin)
	defer cancel()
	if kind != s.kind {
		return nil, errors.Join(errors.New("it was another kind of run's"), remove(ctx, old))
	}
	if err := fault.Clean(ctx, old); err != nil {
		return nil, errors.Join(err, remove(ctx, old))
	}
	pair, err := old.Reset(ctx, config)
	if err != nil {
		return nil, errors.Join(err, remove(ctx, old))
	}
	if err := s.equal(ctx, pair); err != nil {
		return nil, errors.Join(err, remove(ctx, pair))
	}
	return pair, nil
}

// equal says in what a pair differs from the fresh one.
func (s *Stock) equal(ctx context.Context, pair *cluster.Cluster) error {
	now, err := inspect.Begin(ctx, pair)
	if err != nil {
		return err
	}
	if different := now.Differences(s.first); len(different) > 0 {
		return fmt.Errorf("it differs from a fresh one in %d things: %s", len(different), strings.Join(different[:min(3, len(different))], "; "))
	}
	return nil
}

func remove(ctx context.Context, pair *cluster.Cluster) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	return pair.Close(ctx)
}

// keep takes the pair of a run that went well, unless nobody will want it.
func (s *Stock) keep(kind string, pair *cluster.Cluster) bool {
	if s == nil || s.Holds() || s.kind != kind {
		return false
	}
	s.pair = pair
	return true
}
