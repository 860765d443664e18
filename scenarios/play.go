package scenarios

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/conditions"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/procedure"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

// Play plays a story and returns the run's folder, which holds what was recorded even if err is not nil.
// It judges nothing: history.Load the folder, then judge.Of.
//
// Whatever happens (an error, a panic of the story, the end of ctx), faults are taken back, the clients stop, every node that
// answers is looked at, and the pair is removed, each with a deadline of its own. A story that needs a fault which this
// machine cannot do is no error: the manifest says that it was skipped, and why.
func Play(ctx context.Context, scenario Scenario, setup Setup) (dir string, err error) {
	p, err := open(scenario, setup)
	if err != nil {
		return "", fmt.Errorf("play %s: %w", scenario.Name, err)
	}
	err = p.play(ctx)
	if err := p.close(ctx, err); err != nil {
		return p.recorder.Dir(), fmt.Errorf("play %s: %w", scenario.Name, err)
	}
	return p.recorder.Dir(), nil
}

// play is one run of a scenario.
type play struct {
	scenario Scenario
	setup    Setup
	recorder *history.Recorder
	manifest history.Manifest
	stage    *Stage
	cluster  *cluster.Cluster    // nil until it is built
	ran      []*cluster.Node     // before the final reads
	machine  conditions.Snapshot // before the load
}

// open makes the run's folder with a first manifest and starts its clock.
func open(scenario Scenario, setup Setup) (*play, error) {
	began := time.Now()
	id := runID(began, scenario.Name, setup)
	recorder, err := history.Create(filepath.Join(setup.Out, id))
	if err != nil {
		return nil, err
	}
	p := &play{scenario: scenario, setup: setup, recorder: recorder, manifest: firstManifest(id, began, scenario, setup)}
	p.stage = &Stage{
		setup: setup, procedure: setup.Procedure, recorder: recorder, log: p.log, acks: &acks{},
		random: rand.New(rand.NewPCG(setup.Seed, stream(scenario.Name, setup.Procedure.Name(), setup.Repetition))),
		points: map[procedure.Point]fault.Fault{},
	}
	if hooked, can := setup.Procedure.(procedure.Hooked); can {
		p.stage.procedure = hooked.WithHook(p.stage.reached)
	}
	recorder.Watch(history.Watch{Op: p.stage.acks.heard, Begin: p.begins})
	return p, recorder.Manifest(p.manifest)
}

// stream is the second half of the generator's seed: repetitions and scenarios with one seed draw differently.
func stream(scenario, procedure string, repetition int) uint64 {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s\x00%s\x00%d", scenario, procedure, repetition)
	return sum.Sum64()
}

// play has everything happen, from the first container to the last write.
func (p *play) play(ctx context.Context) error {
	if err := p.build(ctx); err != nil {
		return err
	}
	s := p.stage
	ledger := s.clients(1, 0, "")
	if err := ledger.Prepare(ctx, p.cluster); err != nil {
		return err
	}
	p.machine = conditions.Take()
	s.crew.begin(ctx, workload.Sampler{})
	s.crew.begin(ctx, ledger)
	err := p.tell(ctx)
	if err == nil {
		err = s.nothingLeft()
	}
	if err == nil {
		err = s.letGo(ctx) // of a story without a fault
	}
	healed := s.faults.Close(context.WithoutCancel(ctx))
	if err == nil && healed == nil {
		err = s.Acknowledged(ctx, 1) // the story is over when clients can write
	}
	p.log("stop the load")
	err = errors.Join(err, healed, s.crew.end())
	maps.Copy(p.manifest.Machine, p.machine.Until(conditions.Take()))
	return err
}

// build starts the pair, or takes the one in stock.
func (p *play) build(ctx context.Context) error {
	p.log("build the pair")
	built, how, err := p.setup.Stock.take(ctx, p.kind(), cluster.Config{
		Topology: p.scenario.topology(p.setup), Image: p.setup.Ready.Postgres, Sandbox: p.setup.Ready.Sandbox,
		Labels: p.setup.Labels, Recorder: p.recorder, Log: p.log,
	}, p.setup.Last)
	p.manifest.Pair = how
	if err != nil {
		return fmt.Errorf("build the pair: %w", err)
	}
	p.cluster, p.stage.cluster = built, built
	p.stage.crew = &crew{cluster: built, recorder: p.recorder}
	p.stage.first = built.Nodes()[0].Name()
	p.manifest.Nodes = nodeInfos(built)
	if p.stage.faults, err = fault.NewRunner(built); err != nil {
		return err
	}
	p.stage.faults.Log = p.log
	return p.recorder.Manifest(p.manifest)
}

// kind is what runs have in common that may have one pair after the other.
func (p *play) kind() string {
	return strings.Join([]string{p.scenario.Name, p.setup.Procedure.Name(), string(p.setup.Level)}, ", ")
}

// tell plays the steps. A panic is an error, and its stack is kept in the run's folder.
func (p *play) tell(ctx context.Context) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the story panicked: %v", reason)
			stack := filepath.Join(p.recorder.Dir(), "panic.txt")
			err = errors.Join(err, os.WriteFile(stack, fmt.Appendf(nil, "%v\n\n%s", reason, debug.Stack()), 0o644))
		}
	}()
	return p.scenario.Steps(ctx, p.stage)
}

// log says that a step begins.
func (p *play) log(step string) {
	if p.setup.Log != nil {
		p.setup.Log(step, p.recorder.Now())
	}
}

// begins shows the steps of a procedure, which are spans.
func (p *play) begins(span history.Span) {
	switch span.Node {
	case "":
		p.log(span.Name)
	default:
		p.log(span.Name + " " + span.Node)
	}
}
