package scenarios

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// KillContainer kills everything of the primary at once, as a host that loses its mind does; the container comes back when
// another node has long been the primary.
func KillContainer() Scenario {
	return Scenario{
		Name:      "kill-container",
		Story:     "The primary's container is killed under load and comes back after the standby was promoted.",
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
			if err := s.Inject(ctx, fault.KillContainer(fault.On(old.Name()))); err != nil {
				return err
			}
			if _, err := s.Failover(ctx); err != nil {
				return err
			}
			if err := s.Heal(ctx); err != nil { // the container, not PostgreSQL in it
				return err
			}
			if _, err := s.Rejoin(ctx, old); err != nil {
				return err
			}
			return s.Failback(ctx)
		},
	}
}
