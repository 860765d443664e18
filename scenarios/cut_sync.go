package scenarios

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// CutSync shows the price of losing nothing: with a synchronous standby that cannot be reached no commit returns, and when
// the link is back they all do. No role moves.
func CutSync() Scenario {
	return Scenario{
		Name:   "cut-sync",
		Story:  "The link to the synchronous standby is cut and healed; nothing is killed, nothing is promoted.",
		Levels: []cluster.CommitLevel{cluster.Sync, cluster.RemoteApply},
		Budget: history.Budget{Outage: 20 * time.Second},
		Expect: history.Expect{Silence: true},
		Steps: func(ctx context.Context, s *Stage) error {
			if err := s.Settle(ctx, time.Second); err != nil {
				return err
			}
			if err := s.Inject(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()}); err != nil {
				return err
			}
			if err := s.Settle(ctx, time.Second); err != nil {
				return err
			}
			if err := s.Heal(ctx); err != nil {
				return err
			}
			if err := s.Acknowledged(ctx, 50); err != nil {
				return err
			}
			return s.Failback(ctx)
		},
	}
}
