package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Plan is a schedule of faults over roles: a fault itself. It is drawn from a seed (Draw) or read from text (ParsePlan), and its
// String is that text: what a run's manifest keeps, and what replays it. A step a line:
//
//	at 1.25s for 2s cut from=primary to=standby oneway=true
//	at 4s kill target=standby restart=true
//	on rewind-50 for 500ms cut from=pg1 to=pg2
//
// "at" counts from the plan's injection, "on" waits for a point of the procedure, "for" takes the fault back by itself after a
// time; without it the fault lasts until the plan is reverted. What follows # is a comment.
type Plan struct{ Steps []Step }

// Step is one line of a plan.
type Step struct {
	At    time.Duration // since the plan's injection, unless On is set
	On    Point
	For   time.Duration     // 0: until the plan is reverted
	Name  string            // of the fault in the catalogue
	Given map[string]string // its parameters, as they are written
}

// String is the plan's text, a step a line, without a last newline.
func (p Plan) String() string { return strings.Join(p.Lines(), "\n") }

// Lines are the steps, for a manifest's Plan.
func (p Plan) Lines() []string {
	lines := make([]string, len(p.Steps))
	for i, step := range p.Steps {
		lines[i] = step.String()
	}
	return lines
}

// String is the step as ParsePlan reads it.
func (s Step) String() string {
	words := []string{"at", s.At.String()}
	if s.On != "" {
		words = []string{"on", string(s.On)}
	}
	if s.For > 0 {
		words = append(words, "for", s.For.String())
	}
	words = append(words, s.Name)
	for _, name := range sortedKeys(s.Given) {
		words = append(words, name+"="+s.Given[name])
	}
	return strings.Join(words, " ")
}

// fault makes the step's fault: what it names, for its time, when its time comes.
func (s Step) fault() (Fault, error) {
	entry, err := Find(s.Name)
	if err != nil {
		return nil, err
	}
	f, err := entry.Build(s.Given)
	if err != nil {
		return nil, err
	}
	if s.For > 0 {
		f = For{s.For, f}
	}
	if s.On != "" {
		return At{s.On, f}, nil
	}
	return After{s.At, f}, nil
}

// faults are the parts of the plan; a step that cannot be built is an error that says which.
func (p Plan) faults() (Parallel, error) {
	var parts Parallel
	for i, step := range p.Steps {
		f, err := step.fault()
		if err != nil {
			return Parallel{}, fmt.Errorf("step %d of the plan: %w", i+1, err)
		}
		parts.Faults = append(parts.Faults, f)
	}
	return parts, nil
}

// Supported asks for every step.
func (p Plan) Supported(ctx context.Context, c *cluster.Cluster) error {
	parts, err := p.faults()
	if err != nil {
		return err
	}
	return parts.Supported(ctx, c)
}

// Bind refuses a plan that cannot be built; the roles are resolved step by step.
func (p Plan) Bind(ctx context.Context, r *Runner) (Bound, error) {
	parts, err := p.faults()
	if err != nil {
		return nil, err
	}
	return parts.Bind(ctx, r)
}

// Length is when the last timed step is over.
func (p Plan) Length() time.Duration {
	var length time.Duration
	for _, step := range p.Steps {
		length = max(length, step.At+step.For)
	}
	return length
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
