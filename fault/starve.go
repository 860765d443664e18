package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Starve leaves PostgreSQL's container a share of one CPU.
//
// It imitates a noisy neighbour, a pod with too small a CPU limit, a burstable machine that has used up its credit: everything is done, but
// slowly and in fits and starts, and time-outs that nobody meant for that run out.
//
// Mechanism: the quota of the completely fair scheduler in the container's control group, through the engine; all processes of the node together get Share
// of every 100 ms. It needs control groups with a quota of CPU time. It does not starve the node's network or its disk, and a node that has little to do
// hardly feels it. It is not a freeze: see Freeze and Pause.
//
// It heals by Revert, which restores what it was; after the death of the tester `make heal` does.
type Starve struct {
	Target Target
	Share  float64 // of one CPU, from 0.01 to 1
}

// starvePeriod is in which the quota is given anew.
const starvePeriod = 100 * time.Millisecond

// String is "starve(primary, 0.05 CPU)".
func (f Starve) String() string { return fmt.Sprintf("starve(%s, %v CPU)", f.Target, f.Share) }

// check refuses what the kernel refuses.
func (f Starve) check() error {
	if !(f.Share >= 0.01 && f.Share <= 1) {
		return fmt.Errorf("%s: want a share from 0.01 to 1", f)
	}
	return nil
}

// Supported asks for control groups.
func (f Starve) Supported(ctx context.Context, c *cluster.Cluster) error { return countable(ctx, c) }

// Mechanism names the version of control groups.
func (f Starve) Mechanism(ctx context.Context, c *cluster.Cluster) string {
	return groups(ctx, c, "a quota of CPU time")
}

// Footprint of a node that is slow: everything is still answered.
func (f Starve) Footprint() Footprint {
	return Footprint{Needs: []string{f.Target.String()}, Holds: []string{"CPU of " + f.Target.String()}}
}

// Bind finds the node and its limits.
func (f Starve) Bind(ctx context.Context, r *Runner) (Bound, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	limit, _, err := node.Limits(ctx)
	return &starved{share: f.Share, node: node, peers: r.Cluster.Peers(node), hits: r.hits, was: limit}, err
}

// starved is a node to starve, and, after Inject, starved.
type starved struct {
	share     float64
	node      *cluster.Node
	peers     []*cluster.Node
	was       cluster.CPULimit
	before    cluster.Usage
	others    bystanders
	hits      *hits
	release   func()
	at, ended time.Time
}

func (b *starved) String() string { return fmt.Sprintf("starve(%s, %v CPU)", b.node, b.share) }

func (b *starved) Targets() []string { return []string{b.node.Name()} }

func (b *starved) Undo() []intent.Action {
	return []intent.Action{{
		Kind: intent.LimitCPU, Node: b.node.Name(), Container: b.node.Container(), Period: b.was.Period, Quota: b.was.Quota,
	}}
}

func (b *starved) Inject(ctx context.Context) (_ Active, err error) {
	if b.before, err = b.node.Usage(ctx); err != nil {
		return nil, err
	}
	if b.others, err = watch(ctx, b.hits, resourceCPU, b.peers); err != nil {
		return nil, err
	}
	b.release = b.hits.limit(resourceCPU + " of " + b.node.Name())
	period := starvePeriod.Microseconds()
	err = b.node.LimitCPU(ctx, cluster.CPULimit{Period: period, Quota: int64(b.share * float64(period))})
	b.at = time.Now()
	return b, err
}

// quotaSlack is what the kernel gives beyond the quota: unused slices of each CPU, and parts of periods at both ends.
const quotaSlack = 60 * time.Millisecond

// burnTries is how often it is looked for a period in which the node used up its quota: where the whole machine is busy it may not come to it.
const burnTries = 10

// Verify keeps the node busy and sees that it gets no more than its share, and that the kernel counts periods in which it wanted more. Control: PostgreSQL
// answers, and the other nodes' limits are as they were.
func (b *starved) Verify(ctx context.Context) (Evidence, error) {
	var seen burned
	var err error
	for try := 0; try < burnTries && seen.throttled <= 0; try++ {
		if seen, err = burn(ctx, b.node); err != nil {
			return Evidence{}, err
		}
		if most := quotaSlack + time.Duration(b.share*float64(seen.took+2*starvePeriod)); seen.got > most {
			return Evidence{}, fmt.Errorf("%s got %s of CPU time in %s, and should have got no more than %s", b.node, seen.got, seen.took, most)
		}
	}
	if seen.throttled <= 0 {
		return Evidence{}, fmt.Errorf("%s wanted all of a CPU for %d times %s and was not throttled", b.node, burnTries, seen.took)
	}
	control, err := b.control(ctx)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{
		At: b.at, Effect: fmt.Sprintf("%s got %s of CPU time in %s although it wanted all of it", b.node, seen.got, seen.took), Control: control,
		Values: map[string]string{
			"mechanism": fmt.Sprintf("quota of CPU time, control groups v%d", seen.after.Version), "quota": seen.after.Quota.String(),
			"period": seen.after.Period.String(), "nr_throttled": fmt.Sprint(seen.throttled),
		},
	}, nil
}

func (b *starved) control(ctx context.Context) (string, error) {
	if err := served(ctx, b.node); err != nil {
		return "", fmt.Errorf("see the control: %w", err)
	}
	others, err := b.others.spared(ctx)
	return "PostgreSQL on " + b.node.Name() + " answers, " + others, err
}

// Revert sets the quota to what it was.
func (b *starved) Revert(ctx context.Context) error {
	if err := b.node.LimitCPU(ctx, b.was); err != nil {
		return err
	}
	if b.ended.IsZero() {
		b.ended = time.Now()
	}
	b.release()
	return nil
}

// VerifyReverted reads the quota that the kernel holds, and keeps the node busy once more: it is throttled only if it was before.
func (b *starved) VerifyReverted(ctx context.Context) (Evidence, error) {
	if dead, err := b.node.ContainerDead(ctx); err != nil || dead {
		return Evidence{At: b.ended, Effect: "the container of " + b.node.Name() + " does not run"}, err
	}
	seen, err := burn(ctx, b.node)
	if err != nil {
		return Evidence{}, err
	}
	if seen.after.Quota != b.before.Quota {
		return Evidence{}, fmt.Errorf("%s has a quota of %s in %s, and had %s", b.node, seen.after.Quota, seen.after.Period, b.before.Quota)
	}
	if b.before.Quota == 0 && seen.throttled > 0 {
		return Evidence{}, fmt.Errorf("%s is still throttled", b.node)
	}
	return Evidence{At: b.ended, Effect: fmt.Sprintf("%s got %s of CPU time in %s", b.node, seen.got, seen.took)}, nil
}
