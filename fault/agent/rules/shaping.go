package rules

import (
	"context"
	"errors"

	"github.com/pgcrucible/pgcrucible/fault/agent/netem"
	"github.com/pgcrucible/pgcrucible/fault/agent/shape"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// shape prepares what a rule sends packets to: a band of netem where the kernel has it, which can be for what goes out only, else a queue.
// It is there before the rule, which would find no listener and let packets pass.
func (t *Table) shape(ctx context.Context, e *entry) (err error) {
	switch {
	case e.rule.Shaping == nil:
		return nil
	case e.rule.Direction == wire.Out && t.emulates():
		e.band, err = t.emulator.Add(*e.rule.Shaping)
		return err
	}
	t.queues++
	e.number = t.queues
	e.queue, err = shape.Open(ctx, e.number, *e.rule.Shaping)
	return err
}

// emulates finds out, once, whether the kernel has netem; trying it loads the kernel's modules.
func (t *Table) emulates() bool {
	t.askNetem.Do(func() {
		if t.noNetem = netem.Can(); t.noNetem != "" {
			return
		}
		device, err := netem.Device()
		if err == nil {
			t.emulator, err = netem.Open(device)
		}
		if err != nil {
			t.noNetem = err.Error()
		}
	})
	return t.noNetem == ""
}

// release gives back what entries sent packets to. Their rules are gone before.
func (t *Table) release(entries map[string]*entry) error {
	var errs []error
	for _, e := range entries {
		if e.queue != nil {
			errs = append(errs, e.queue.Close())
		}
		if e.band != 0 {
			errs = append(errs, t.emulator.Remove(e.band))
		}
	}
	return errors.Join(errs...)
}
