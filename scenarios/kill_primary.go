package scenarios

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// KillPrimary is the plain failover: the postmaster dies at once, as under the OOM killer. Whatever was acknowledged must be
// there with a synchronous standby; without one a few milliseconds of it may be missing.
func KillPrimary() Scenario {
	return Scenario{
		Name:      "kill-primary",
		Story:     "The primary's postmaster is killed under load; the standby is promoted, the old primary rewound.",
		Levels:    []cluster.CommitLevel{cluster.Async, cluster.Sync, cluster.RemoteApply},
		Budget:    history.Budget{Outage: 10 * time.Second},
		AsyncLost: 100,
		Expect:    history.Expect{Promotions: 2},
		Steps: func(ctx context.Context, s *Stage) error {
			old, err := s.Primary(ctx)
			if err != nil {
				return err
			}
			if err := s.Settle(ctx, time.Second); err != nil {
				return err
			}
			if err := s.Inject(ctx, fault.Kill(fault.On(old.Name()))); err != nil {
				return err
			}
			if _, err := s.Failover(ctx); err != nil {
				return err
			}
			if _, err := s.Rejoin(ctx, old); err != nil {
				return err
			}
			return s.Failback(ctx)
		},
	}
}
