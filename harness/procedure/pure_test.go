package procedure

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

func TestState(t *testing.T) {
	s, err := parseState("ended 137 0\nsome\noutput\n")
	if err != nil || !s.ended || s.status != 137 || s.output != "some\noutput\n" {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = parseState("running 0 8192\n"); err != nil || s.ended || s.written != 8192 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "ended\n", "dead 0 0\n", "ended x 0\n", "running 0 y\n"} {
		if _, err := parseState(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestStepsAreReachedOnceAndInOrder(t *testing.T) {
	s := newSteps(Rewind10, Rewind50, Rewind90)
	if got := s.passed(1 << 30); got != nil {
		t.Errorf("before the total is known: %v", got)
	}
	s.total = 1000
	var got []Point
	for _, written := range []int64{0, 99, 100, 120, 899, 1000, 1000} {
		got = append(got, s.passed(written)...)
	}
	if !slices.Equal(got, []Point{Rewind10, Rewind50, Rewind90}) {
		t.Errorf("%v", got)
	}
}

func TestPicture(t *testing.T) {
	a, b, c := &cluster.Node{}, &cluster.Node{}, &cluster.Node{}
	seen := picture{{node: a}, {node: b, role: cluster.Standby, lsn: 5}, {node: c, role: cluster.Standby, lsn: 7}}
	if seen.best() != c {
		t.Error("the standby that has received most is best")
	}
	if others := seen.others(); len(others) != 1 || others[0] != a {
		t.Errorf("%v", others)
	}
	same := picture{{node: a}, {node: b, role: cluster.Standby, lsn: 9}, {node: c, role: cluster.Standby}}
	if !seen.sameRoles(same) || seen.sameRoles(same[:2]) {
		t.Error("roles count, positions do not, length does")
	}
	same[0].role = cluster.Primary
	if seen.sameRoles(same) {
		t.Error("a node that answers again is another picture")
	}
	if none := (picture{{node: a}, {node: b, role: cluster.Primary}}); none.best() != nil || len(none.others()) != 2 {
		t.Error("without a standby there is no best one")
	}
}

func TestUntilSaysWhatWasInTheWay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := until(ctx, "the end", time.Millisecond, func(context.Context) (string, error) { return "state is startup", nil })
	var wait *WaitError
	if !errors.As(err, &wait) || wait.Last != "state is startup" || !strings.Contains(err.Error(), "the end") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	asked := 0
	err = until(t.Context(), "three", time.Millisecond, func(context.Context) (string, error) {
		if asked++; asked < 3 {
			return "", errors.New("not yet")
		}
		return "", nil
	})
	if err != nil || asked != 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestHookThatFailsEndsTheStep(t *testing.T) {
	boom := errors.New("boom")
	var m Procedure = Manual{}
	m = m.(Hooked).WithHook(func(context.Context, Point, *cluster.Node) error { return boom })
	if err := m.(Manual).at(t.Context(), AfterRewind, &cluster.Node{}); !errors.Is(err, boom) || !strings.Contains(err.Error(), "after-rewind") {
		t.Errorf("%v", err)
	}
	if err := (Manual{}).at(t.Context(), AfterRewind, nil); err != nil {
		t.Errorf("without a hook: %v", err)
	}
}
