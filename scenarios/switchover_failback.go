package scenarios

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// SwitchoverFailback is the planned case: nothing may be lost, nothing may be left unknown, and nobody needs a rewind.
func SwitchoverFailback() Scenario {
	return Scenario{
		Name:   "switchover-failback",
		Story:  "A planned switchover under load, and back.",
		Levels: []cluster.CommitLevel{cluster.Async, cluster.Sync, cluster.RemoteApply},
		Budget: history.Budget{Outage: 10 * time.Second},
		Expect: history.Expect{Promotions: 2, NoRewind: true},
		Steps: func(ctx context.Context, s *Stage) error {
			if err := s.Settle(ctx, time.Second); err != nil {
				return err
			}
			standby, err := s.Standby(ctx)
			if err != nil {
				return err
			}
			if err := s.Switchover(ctx, standby); err != nil {
				return err
			}
			if err := s.Acknowledged(ctx, 50); err != nil {
				return err
			}
			return s.Failback(ctx)
		},
	}
}
