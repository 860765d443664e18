package procedure

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// sentinelFile stands beside the data folder from before a rewind or rebuild changes it until it is a whole standby's again. A
// folder with a sentinel is never started: pg_rewind that was interrupted leaves files of both histories, and PostgreSQL may
// start on them.
const sentinelFile = "UNFIT"

// durably brings one file or folder to disk where the image's sync can do that, else everything.
const durably = `durably() { sync "$1" 2>/dev/null || sync; }; `

// setSentinel writes why the folder must not be started, and does not return before that is on disk.
func setSentinel(ctx context.Context, n *cluster.Node, why string) error {
	_, err := n.Shell(ctx, durably+`printf '%s\n' "$2" >"$1.tmp" && durably "$1.tmp" && mv "$1.tmp" "$1" && durably "${1%/*}"`,
		beside(n, sentinelFile), why)
	if err != nil {
		return fmt.Errorf("sentinel on %s: %w", n, err)
	}
	return nil
}

// sentinel is why the folder must not be started; "" if it may.
func sentinel(ctx context.Context, n *cluster.Node) (string, error) {
	text, err := n.Shell(ctx, `if [ -e "$1" ]; then cat "$1"; fi`, beside(n, sentinelFile))
	if err != nil {
		return "", fmt.Errorf("sentinel on %s: %w", n, err)
	}
	return strings.TrimSpace(text), nil
}

func removeSentinel(ctx context.Context, n *cluster.Node) error {
	if _, err := n.Shell(ctx, durably+`rm -f "$1" && durably "${1%/*}"`, beside(n, sentinelFile)); err != nil {
		return fmt.Errorf("sentinel on %s: %w", n, err)
	}
	return nil
}
