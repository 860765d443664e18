package scenarios

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// cutWrites is how many writes are acknowledged behind the standby's back.
const cutWrites = 100

// CutThenKill loses writes for certain, and says which: all that the primary acknowledged between the cut and its death, and
// no others. The budget allows that loss; what the run proves is that it is reported to the token.
func CutThenKill() Scenario {
	return Scenario{
		Name:      "cut-then-kill",
		Story:     "The link to the standby is cut, writes are acknowledged, then the primary is killed: those are lost.",
		Levels:    []cluster.CommitLevel{cluster.Async},
		Budget:    history.Budget{Outage: 10 * time.Second},
		AsyncLost: -1,
		Expect:    history.Expect{Promotions: 2, Exact: true},
		Steps: func(ctx context.Context, s *Stage) error {
			old, err := s.Primary(ctx)
			if err != nil {
				return err
			}
			if err := s.Settle(ctx, time.Second); err != nil {
				return err
			}
			if err := s.InjectBetweenWrites(ctx, fault.Cut{From: fault.Primary(), To: fault.Standby()}); err != nil {
				return err
			}
			if err := s.AcknowledgedBy(ctx, old, cutWrites); err != nil {
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
