package scenarios

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// crew are the clients of a run and who watches the nodes. Each works until the crew, or that one, is told to stop.
type crew struct {
	cluster  *cluster.Cluster
	recorder *history.Recorder

	mu      sync.Mutex
	working []*worker
}

type worker struct {
	name string
	stop context.CancelFunc
	done chan struct{}
	err  error // once done
}

// worksOn is what a workload and the sampler have in common.
type worksOn interface {
	Name() string
	Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error
}

// begin has one work in the background. The end of ctx does not stop it: only the crew does, after which its last
// operations have their outcome.
func (w *crew) begin(ctx context.Context, work worksOn) *worker {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	one := &worker{name: work.Name(), stop: cancel, done: make(chan struct{})}
	w.mu.Lock()
	w.working = append(w.working, one)
	w.mu.Unlock()
	go func() {
		defer close(one.done)
		one.err = w.work(ctx, work)
	}()
	return one
}

func (w *crew) work(ctx context.Context, work worksOn) error {
	if _, writes := work.(workload.Workload); !writes {
		return work.Run(ctx, w.cluster, w.recorder)
	}
	return w.recorder.Do(history.SpanLoad, "", func(span *history.Span) error {
		span.Detail = work.Name()
		return work.Run(ctx, w.cluster, w.recorder)
	})
}

// end stops one and waits for it.
func (one *worker) end() error {
	one.stop()
	<-one.done
	if one.err != nil {
		return fmt.Errorf("%s: %w", one.name, one.err)
	}
	return nil
}

// end stops all, the last that began first: who watches sees the clients out.
func (w *crew) end() error {
	w.mu.Lock()
	working := w.working
	w.working = nil
	w.mu.Unlock()
	var errs []error
	for i := len(working) - 1; i >= 0; i-- {
		errs = append(errs, working[i].end())
	}
	return errors.Join(errs...)
}

// clients are a share of the run's clients and rate, at least one.
func (s *Stage) clients(share float64, first int, node string) workload.Ledger {
	return workload.Ledger{
		Clients: max(1, int(float64(s.setup.Clients)*share)), Rate: s.setup.Rate * share, Seed: s.setup.Seed, Node: node, First: first,
	}
}

// Stay has further clients write to one node whatever its role, as applications with a fixed address do. They begin at once
// and write a quarter of the run's rate until leave is called, or the story is over.
func (s *Stage) Stay(ctx context.Context, node *cluster.Node) (leave func() error) {
	s.log("clients that stay with " + node.Name())
	s.mu.Lock()
	s.stays++
	first := s.stays * 1000
	s.mu.Unlock()
	return s.crew.begin(ctx, s.clients(0.25, first, node.Name())).end
}
