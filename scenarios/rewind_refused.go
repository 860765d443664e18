package scenarios

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// RewindRefused takes away what a rewind needs: the old primary's WAL from the last checkpoint that both nodes have in common.
// pg_rewind must refuse, the refusal must be told, and the node must be rebuilt, not started as it is.
func RewindRefused() Scenario {
	return Scenario{
		Name:      "rewind-refused",
		Story:     "The WAL that the rewind of the killed primary needs was recycled, and no archive has it: it is rebuilt.",
		Levels:    []cluster.CommitLevel{cluster.Async},
		Budget:    history.Budget{Outage: 10 * time.Second},
		AsyncLost: -1,
		Expect:    history.Expect{Promotions: 2, Rebuild: true, Exact: true},
		Rewinds:   true,
		Settings:  map[string]string{"wal_keep_size": "0", "min_wal_size": "32MB"},
		NoArchive: true,
		Steps: func(ctx context.Context, s *Stage) error {
			old, err := s.Primary(ctx)
			if err != nil {
				return err
			}
			if err := s.Settle(ctx, time.Second); err != nil {
				return err
			}
			if err := s.MoveWAL(ctx, old, 2); err != nil { // the last common checkpoint is segments away
				return err
			}
			if err := s.InjectBetweenWrites(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()}); err != nil {
				return err
			}
			if err := s.RecycleWAL(ctx, old); err != nil {
				return err
			}
			if err := s.Inject(ctx, fault.Kill(fault.On(old.Name()))); err != nil {
				return err
			}
			if _, err := s.Failover(ctx); err != nil {
				return err
			}
			if err := s.Heal(ctx); err != nil {
				return err
			}
			if _, err := s.Rejoin(ctx, old); err != nil {
				return err
			}
			return s.Failback(ctx)
		},
	}
}
