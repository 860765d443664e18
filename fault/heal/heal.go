package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/intent"
)

// actWithin bounds one action. An agent that does not answer in it has lost its rules to their leases long ago.
const actWithin = 15 * time.Second

// engine does what an action asks in containers. A container that is gone is errGone, and to Exec one that does not run errStopped.
type engine interface {
	Exec(ctx context.Context, container, user string, argv []string) error
	Unpause(ctx context.Context, container string) error
	Start(ctx context.Context, container string) error
	Beside(ctx context.Context, container, image string, capabilities, argv []string) error
	Limit(ctx context.Context, action intent.Action) error
	Restart(ctx context.Context, container string) error
}

// errGone says that a target is no more: there is nothing to take back.
var errGone = errors.New("gone")

// errStopped says that a target is there and does not run.
var errStopped = errors.New("its container does not run")

type healer struct {
	engine engine
	out    io.Writer
}

// run reverts every abandoned journal. All are tried; the errors are joined.
func (h *healer) run(ctx context.Context, dir string) error {
	journals, err := intent.Find(dir)
	errs := []error{err}
	if len(journals) == 0 && err == nil {
		fmt.Fprintln(h.out, "nothing to heal")
	}
	for _, journal := range journals {
		if err := h.journal(ctx, journal); err != nil {
			errs = append(errs, err, journal.Leave())
			continue
		}
		errs = append(errs, journal.Settle())
	}
	return errors.Join(errs...)
}

func (h *healer) journal(ctx context.Context, journal *intent.Abandoned) error {
	var errs []error
	for _, entry := range journal.Entries {
		fmt.Fprintf(h.out, "%s, injected %s\n", entry.Fault, entry.At.Format(time.RFC3339))
		for _, action := range entry.Undo {
			outcome := "done"
			err := h.act(ctx, action)
			switch {
			case errors.Is(err, errGone):
				outcome = "its target is gone"
			case err != nil:
				outcome = err.Error()
				errs = append(errs, fmt.Errorf("%s: %s on %s: %w", entry.Fault, action.Kind, action.Node, err))
			}
			fmt.Fprintf(h.out, "  %s on %s: %s\n", action.Kind, action.Node, outcome)
		}
	}
	return errors.Join(errs...)
}

func (h *healer) act(ctx context.Context, action intent.Action) error {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	switch action.Kind {
	case intent.AgentRemove:
		return askAgent(ctx, action)
	case intent.Exec:
		return h.engine.Exec(ctx, action.Container, action.User, action.Argv)
	case intent.ExecIfRunning:
		err := h.engine.Exec(ctx, action.Container, action.User, action.Argv)
		if errors.Is(err, errStopped) {
			return errGone
		}
		return err
	case intent.Unpause:
		return h.engine.Unpause(ctx, action.Container)
	case intent.Start:
		return h.engine.Start(ctx, action.Container)
	case intent.Beside:
		return h.engine.Beside(ctx, action.Container, action.Image, action.Capabilities, action.Argv)
	case intent.LimitCPU, intent.LimitMemory:
		return h.engine.Limit(ctx, action)
	case intent.Restart:
		return h.engine.Restart(ctx, action.Container)
	}
	return fmt.Errorf("action %q is not known", action.Kind)
}

// askAgent has rules removed. A node whose agent cannot be connected to is gone with its sandbox, and with it its network.
func askAgent(ctx context.Context, action intent.Action) error {
	client := wire.NewClient(action.Agent, action.Token)
	_, err := client.Do(ctx, wire.Request{Do: wire.Remove, IDs: action.IDs})
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		err = errGone
	}
	return errors.Join(err, client.Close())
}
