package check

import (
	"strings"
	"testing"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

func TestPreparedThatTheLoadLeft(t *testing.T) {
	left := func(ops ...history.Op) *history.Run {
		run := &history.Run{Ops: ops}
		ending([]string{"g"}, map[string]int{})(run)
		return run
	}
	tests := []struct {
		name string
		run  *history.Run
		want history.Status
		says string
	}{
		{"left on purpose", left(prepareOf("g", history.OK)), history.Pass, "but the 1 that the load left on purpose"},
		{"perhaps prepared", left(prepareOf("g", history.Unknown)), history.Pass, "left on purpose"},
		{"of somebody else", left(), history.Fail, `"g" was left over`},
		{"its preparation failed", left(prepareOf("g", history.Failed)), history.Fail, `"g" was left over`},
		{"somebody tried to end it", left(prepareOf("g", history.OK), decide(history.CommitPrepared, history.Unknown)), history.Fail, `"g" was left over`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := prepared(test.run); got.Status != test.want || !strings.Contains(got.Sentence, test.says) {
				t.Errorf("%s, want %s saying %q: %s", got.Status, test.want, test.says, got.Sentence)
			}
		})
	}
}
