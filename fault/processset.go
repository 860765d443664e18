package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// processSet is some processes of one kind on a node.
type processSet struct {
	kind cluster.Process
	node *cluster.Node
	pids []int
}

func (s processSet) String() string { return fmt.Sprintf("%s %v of %s", s.kind, s.pids, s.node) }

// stop finds the processes of the kind, stops them, and keeps those that are stopped: one that ends just then is none, and one that
// waits for the disk stops when it has it.
func (s *processSet) stop(ctx context.Context) (at time.Time, err error) {
	if s.pids, err = s.node.PIDs(ctx, s.kind); err != nil {
		return at, err
	}
	var missed *cluster.ExitError
	if at, err = s.node.SignalPIDs(ctx, syscall.SIGSTOP, s.pids...); err != nil && !errors.As(err, &missed) {
		return at, err
	}
	if at.IsZero() {
		at = time.Now()
	}
	if err := s.await(ctx, func(state string) bool { return state == stopped || state == gone }); err != nil {
		return at, err
	}
	s.pids, err = s.left(ctx)
	if err == nil && len(s.pids) == 0 {
		err = fmt.Errorf("%w: no %s is left on %s", ErrNoTarget, s.kind, s.node)
	}
	return at, err
}

// States of processes as the kernel names them in /proc, and what stands for one that is not there.
const (
	stopped = "T"
	gone    = "gone"
)

// readStates prints the state of each process, one a line, without forking.
const readStates = `for pid; do
	state=gone
	while read -r key value rest; do
		[ "$key" = State: ] && { state=$value; break; }
	done <"/proc/$pid/status"
	echo "$state"
done 2>/dev/null`

// states are those of the processes, in their order. One that is dead and that nobody has waited for is gone.
func (s processSet) states(ctx context.Context) ([]string, error) {
	args := make([]string, len(s.pids))
	for i, pid := range s.pids {
		args[i] = strconv.Itoa(pid)
	}
	text, err := s.node.Shell(ctx, readStates, args...)
	if err != nil {
		return nil, fmt.Errorf("states of %s: %w", s, err)
	}
	states := strings.Fields(text)
	if len(states) != len(args) {
		return nil, fmt.Errorf("states of %s: %q", s, text)
	}
	for i, state := range states {
		if state == "Z" || state == "X" {
			states[i] = gone
		}
	}
	return states, nil
}

// left are the PIDs of those that are not gone.
func (s processSet) left(ctx context.Context) ([]int, error) {
	states, err := s.states(ctx)
	if err != nil {
		return nil, err
	}
	var left []int
	for i, state := range states {
		if state != gone {
			left = append(left, s.pids[i])
		}
	}
	return left, nil
}

// await looks at the processes until the state of each is as wanted.
func (s processSet) await(ctx context.Context, wanted func(state string) bool) error {
	for {
		states, err := s.states(ctx)
		if err != nil || !slices.ContainsFunc(states, func(state string) bool { return !wanted(state) }) {
			return err
		}
		if ended := pause(ctx, probeAsk); ended != nil {
			return fmt.Errorf("%s is in state %v: %w", s, states, ended)
		}
	}
}
