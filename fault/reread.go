package fault

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// readTwice reads the file two times and prints how much had been read from the device before, between and after. A shell's own count has
// that of the children that it has waited for.
const readTwice = `count() {
	while read -r key value; do
		if [ "$key" = read_bytes: ]; then echo "$value"; fi
	done <"/proc/$$/io"
}
count
for pass in 1 2; do
	dd if="$1" of=/dev/null bs=1M 2>/dev/null || exit
	count
done`

// reread is how many bytes of the second reading came from the device.
func reread(ctx context.Context, node *cluster.Node, file string) (int64, error) {
	text, err := node.Exec(ctx, "/bin/sh", "-c", readTwice, "sh", file)
	if err != nil {
		return 0, err
	}
	var start, first, second int64
	if _, err := fmt.Sscan(text, &start, &first, &second); err != nil {
		return 0, fmt.Errorf("bytes read from the device on %s: %q: %w", node, strings.TrimSpace(text), err)
	}
	return second - first, nil
}
