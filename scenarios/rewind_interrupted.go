package scenarios

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
)

// RewindInterrupted kills the container in the midst of pg_rewind's copying. The folder then holds files of both histories, and
// PostgreSQL might start on it: it must not be started, but rebuilt.
func RewindInterrupted() Scenario {
	return Scenario{
		Name:      "rewind-interrupted",
		Story:     "The old primary's container dies in the midst of its rewind; the half-rewound folder is rebuilt, never started.",
		Levels:    []cluster.CommitLevel{cluster.Async, cluster.Sync, cluster.RemoteApply},
		Budget:    history.Budget{Outage: 10 * time.Second},
		AsyncLost: 100,
		Expect:    history.Expect{Promotions: 2, Rebuild: true},
		Rewinds:   true,
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
			if err := s.InjectAt(procedure.Rewind50, fault.KillContainer(fault.On(old.Name()))); err != nil {
				return err
			}
			if err := s.RejoinInterrupted(ctx, old); err != nil {
				return err
			}
			if err := s.Heal(ctx); err != nil {
				return err
			}
			back, err := s.Rejoin(ctx, old)
			if err == nil && back.How != procedure.Rebuilt {
				err = fmt.Errorf("%s came back by %s, although its rewind was interrupted", old, back.How)
			}
			if err != nil {
				return err
			}
			return s.Failback(ctx)
		},
	}
}
