package scenarios

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// splitWrites is how many writes each branch acknowledges while both nodes take them.
const splitWrites = 100

// SplitBrain is the failover of somebody who takes an old primary that his standby cannot see for dead. Both take writes; those
// on the old branch do not survive the rewind. The run is good if that is found and told to the token.
func SplitBrain() Scenario {
	return Scenario{
		Name:      "split-brain",
		Story:     "The primary is cut off from its standby but not from its clients; the standby is promoted and nobody fences.",
		Levels:    []cluster.CommitLevel{cluster.Async},
		Budget:    history.Budget{Outage: 10 * time.Second, TwoWrite: true},
		AsyncLost: -1,
		Expect:    history.Expect{Promotions: 2, Overlap: true, Exact: true},
		Steps: func(ctx context.Context, s *Stage) error {
			old, err := s.Primary(ctx)
			if err != nil {
				return err
			}
			leaveOld := s.Stay(ctx, old)
			if err := s.Settle(ctx, time.Second); err != nil {
				return err
			}
			if err := s.InjectBetweenWrites(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()}); err != nil {
				return err
			}
			promoted, err := s.FailoverUnfenced(ctx)
			if err != nil {
				return err
			}
			leaveNew := s.Stay(ctx, promoted)
			if err := s.AcknowledgedBy(ctx, promoted, splitWrites); err != nil {
				return err
			}
			if err := s.AcknowledgedBy(ctx, old, splitWrites); err != nil {
				return err
			}
			if err := s.Heal(ctx); err != nil {
				return err
			}
			if err := leaveOld(); err != nil {
				return err
			}
			if _, err := s.Rejoin(ctx, old); err != nil {
				return err
			}
			if err := leaveNew(); err != nil {
				return err
			}
			return s.Failback(ctx)
		},
	}
}
