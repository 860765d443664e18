package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/judge"
)

// Deadlines of what is done after the story, whatever became of it.
const (
	lookWithin   = 2 * time.Minute // the final reads of all nodes
	keepWithin   = time.Minute     // logs and settings
	removeWithin = time.Minute
)

// close looks at every node, keeps the evidence, writes the last manifest and removes the pair.
func (p *play) close(ctx context.Context, story error) error {
	ctx = context.WithoutCancel(ctx)
	var looked error
	if p.cluster != nil {
		looked = p.look(ctx)
		if story == nil {
			story = looked // without the final reads nothing is known, and that is no evidence of a loss
		}
	}
	p.ends(story)
	err := errors.Join(p.recorder.Flush(), p.recorder.Manifest(p.manifest))
	if p.cluster != nil {
		err = errors.Join(err, p.remove(ctx))
	}
	err = errors.Join(err, p.recorder.Close())
	if errors.Is(story, fault.ErrUnsupported) {
		return err
	}
	return errors.Join(story, err)
}

// look reads what is on the nodes and keeps their logs. All is tried.
func (p *play) look(ctx context.Context) error {
	p.log("look at the nodes")
	reads, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	p.ran = running(reads, p.cluster)
	err := finalReads(reads, p.cluster, p.recorder)
	files, cancel := context.WithTimeout(ctx, keepWithin)
	defer cancel()
	return errors.Join(err, p.cluster.Evidence(files, p.recorder.Dir()))
}

// ends completes the manifest.
func (p *play) ends(story error) {
	m, s := &p.manifest, p.stage
	m.Ended = time.Now()
	m.Plan = s.plan
	m.Dirty = s.faults != nil && s.faults.Dirty()
	if s.edge != nil && m.Expect.Exact {
		m.Expect.Missing = s.acks.past(*s.edge)
	}
	switch {
	case story == nil:
	case errors.Is(story, fault.ErrUnsupported):
		m.Skipped = story.Error()
	default:
		m.Error = story.Error()
	}
}

// remove takes the pair down, unless it is to be kept because the run went wrong, or may be left for the next one.
func (p *play) remove(ctx context.Context) error {
	if p.setup.Keep && p.wentWrong() {
		return p.keep(ctx)
	}
	if p.reusable() && p.setup.Stock.keep(p.kind(), p.cluster) {
		p.log("leave the pair for the next run")
		return nil
	}
	p.log("remove the pair")
	ctx, cancel := context.WithTimeout(ctx, removeWithin)
	defer cancel()
	if err := p.cluster.Close(ctx); err != nil {
		return fmt.Errorf("remove the pair: %w", err)
	}
	return nil
}

// reusable says whether a later run may have the pair reset: never one of a bad run, or whose fault could not be taken back.
func (p *play) reusable() bool {
	return p.setup.Stock != nil && !p.setup.Last && !p.manifest.Dirty && p.manifest.Error == "" && !p.wentWrong()
}

// wentWrong asks the judges, as whoever reads the run's folder will.
func (p *play) wentWrong() bool {
	run, err := history.Load(p.recorder.Dir())
	return err != nil || judge.Of(run).Overall() != history.Pass
}
