package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// controlWithin bounds the reading of a clock that is only the control: its node may be cut off or frozen by another fault.
const controlWithin = 3 * time.Second

// look opens a session on each node and compares its clock with the tester's.
func (b *boundClock) look(ctx context.Context) (err error) {
	if b.own, err = meet(ctx, b.node); err != nil {
		return fmt.Errorf("read the clock of %s before the fault: %w", b.node, err)
	}
	b.control = map[*cluster.Node]gap{}
	for _, peer := range b.peers {
		if b.hits.marked("clock " + peer.Name()) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, controlWithin)
		if w, err := meet(limited, peer); err == nil {
			b.control[peer] = w.gap
			w.leave(limited)
		}
		cancel()
	}
	return nil
}

func (b *boundClock) close(ctx context.Context) {
	if b.own != nil {
		b.own.leave(ctx)
	}
}

// Verify asks PostgreSQL for the time, in a session that was there before and in a new one, until what it says can be explained by
// nothing but the fault; it compares the peers' clocks, and has every process's vDSO read.
func (b *boundClock) Verify(ctx context.Context) (Evidence, error) {
	if _, err := b.bites(ctx, b.own); err != nil && !b.own.session.IsClosed() { // a restart of PostgreSQL has ended it
		return Evidence{}, fmt.Errorf("in a session from before the fault: %w", err)
	}
	fresh, err := meetAgain(ctx, b.node, b.own.gap)
	if err != nil {
		return Evidence{}, err
	}
	defer fresh.leave(ctx)
	seen, err := b.bites(ctx, fresh)
	if err != nil {
		return Evidence{}, fmt.Errorf("in a new session: %w", err)
	}
	control, err := b.peersRight(ctx)
	if err != nil {
		return Evidence{}, err
	}
	count, err := b.everyProcess(ctx, "wrong")
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{
		At: b.began, Effect: fmt.Sprintf("clock_timestamp() of %s is off by %s", b.node, seen), Control: control,
		Values: map[string]string{"mechanism": "vDSO of PostgreSQL's processes", "processes": fmt.Sprint(count), "read within": fresh.width.String()},
	}, nil
}

// bites reads a clock until the fault is seen: of one that jumps to and fro, in both of its states.
func (b *boundClock) bites(ctx context.Context, w *witness) (seen time.Duration, err error) {
	var wrong, right bool
	for !wrong || (b.fault.Phase > 0 && !right) {
		r, err := w.read(ctx)
		if err != nil {
			return 0, fmt.Errorf("the clock of %s is not seen to be wrong: %w", b.node, err)
		}
		asked := r.explainedBy(b.shift)
		switch {
		case !asked:
			return 0, fmt.Errorf("the clock of %s is off by %s, and %s does not explain that", b.node, r.off(), b)
		case !r.right():
			wrong, seen = true, r.off()
		case b.fault.Phase > 0 && r.tells(b.fault.Offset):
			right = true
		}
	}
	return seen.Round(time.Microsecond), nil
}

// peersRight compares those clocks that nobody has changed, this fault or another that came later.
func (b *boundClock) peersRight(ctx context.Context) (string, error) {
	var names []string
	for peer, before := range b.control {
		r, err := readAgain(ctx, peer, before)
		if b.hits.marked("clock "+peer.Name()) || err != nil {
			continue // it is another fault's business
		}
		if !r.right() {
			return "", fmt.Errorf("the fault reaches further than it should: the clock of %s is off by %s", peer, r.off())
		}
		names = append(names, peer.Name())
	}
	if len(names) == 0 {
		return "no other node's clock could be read", nil
	}
	slices.Sort(names)
	return "the clock of " + strings.Join(names, ", ") + " is as before", nil
}

// readAgain reads a clock in a new session.
func readAgain(ctx context.Context, node *cluster.Node, before gap) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, controlWithin)
	defer cancel()
	w, err := meetAgain(ctx, node, before)
	if err != nil {
		return reading{}, err
	}
	defer w.leave(ctx)
	return w.read(ctx)
}

// everyProcess has the vDSO of PostgreSQL's processes read until all have the clock; one may have been started only just now.
func (b *boundClock) everyProcess(ctx context.Context, clock string) (count int, err error) {
	text, err := json.Marshal(b.shift)
	if err != nil {
		return 0, err
	}
	for {
		printed, err := b.node.RunBeside(ctx, tracing, "/clock", "state", string(text))
		if err != nil {
			return 0, err
		}
		count, others := strings.Count(printed, "\n"), 0
		for line := range strings.Lines(printed) {
			if !strings.Contains(line, `"clock":"`+clock+`"`) {
				others++
			}
		}
		if others == 0 {
			return count, nil
		}
		if err := pause(ctx, probeEvery); err != nil {
			return 0, fmt.Errorf("of %d processes of %s, %d do not have the %s clock", count, b.node, others, clock)
		}
	}
}

// VerifyReverted sees the kernel's bytes in every process and the right time in a new session.
func (b *boundClock) VerifyReverted(ctx context.Context) (Evidence, error) {
	count, err := b.everyProcess(ctx, "true")
	if errors.Is(err, cluster.ErrContainerDown) || (err == nil && count == 0) {
		b.close(ctx)
		return Evidence{At: b.healed, Effect: "no process of PostgreSQL runs on " + b.node.Name()}, nil
	}
	if err != nil {
		return Evidence{}, err
	}
	r, err := readAgain(ctx, b.node, b.own.gap)
	if err != nil {
		return Evidence{}, err
	}
	if !r.right() {
		return Evidence{}, fmt.Errorf("the clock of %s is still off by %s", b.node, r.off())
	}
	b.close(ctx)
	return Evidence{At: b.healed, Effect: fmt.Sprintf("%d processes of %s have the kernel's clock", count, b.node)}, nil
}
