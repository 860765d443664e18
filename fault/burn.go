package fault

import (
	"context"
	"strconv"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// burnTime is for how long the node is kept busy to see what it gets, in hundredths of a second.
const burnTime = 50

// burnScript keeps one CPU busy for $1 hundredths of a second, without forking.
const burnScript = `now() {
	read -r up rest </proc/uptime
	up=$((${up%.*} * 100 + 1${up#*.} - 100))
}
now
end=$((up + $1))
while [ "$up" -lt "$end" ]; do now; done`

// burned is what the node got while it was kept busy, and in how many periods it wanted more.
type burned struct {
	got, took time.Duration
	throttled int64
	after     cluster.Usage
}

// burn keeps a node busy.
func burn(ctx context.Context, node *cluster.Node) (burned, error) {
	began := time.Now()
	before, err := node.Usage(ctx)
	if err != nil {
		return burned{}, err
	}
	if _, err := node.Shell(ctx, burnScript, strconv.Itoa(burnTime)); err != nil {
		return burned{}, err
	}
	after, err := node.Usage(ctx)
	return burned{after.CPU - before.CPU, time.Since(began), after.Throttled - before.Throttled, after}, err
}
