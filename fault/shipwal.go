package fault

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// segmentName is a WAL segment, as its file is called.
var segmentName = regexp.MustCompile(`^[0-9A-F]{24}$`)

// shipWAL copies the segments that a standby lacks and that only the primary's archive still has into the standby's own archive, where
// its restore_command finds them: what an operator would do.
func shipWAL(ctx context.Context, primary, standby *cluster.Node) error {
	needed, err := neededFrom(ctx, primary, standby)
	if err != nil {
		return err
	}
	archived, err := segments(ctx, primary, primary.ArchiveDir())
	if err != nil {
		return err
	}
	kept, err := segments(ctx, primary, primary.DataDir()+"/pg_wal")
	if err != nil {
		return err
	}
	for _, name := range lacking(needed, archived, kept) {
		if err := shipSegment(ctx, primary, standby, name); err != nil {
			return fmt.Errorf("ship %s from %s to %s: %w", name, primary, standby, err)
		}
	}
	return nil
}

// neededFrom is the segment that the standby goes on from.
func neededFrom(ctx context.Context, primary, standby *cluster.Node) (string, error) {
	replayed, err := asked[string](ctx, standby, `select coalesce(pg_last_wal_replay_lsn(), '0/0')::text`)
	if err != nil {
		return "", err
	}
	return asked[string](ctx, primary, `select pg_walfile_name($1::text::pg_lsn)`, replayed)
}

// lacking are the archived segments from needed on, of its timeline, that are not kept in pg_wal.
func lacking(needed string, archived, kept []string) []string {
	const timeline = 8 // digits
	var lacking []string
	for _, name := range archived {
		if name >= needed && name[:timeline] == needed[:timeline] && !slices.Contains(kept, name) {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// segments are the segments in a folder of a node, in order.
func segments(ctx context.Context, n *cluster.Node, dir string) ([]string, error) {
	text, err := n.Shell(ctx, `if [ -d "$1" ]; then ls "$1"; fi`, dir)
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(strings.Fields(text), func(name string) bool { return !segmentName.MatchString(name) })
	slices.Sort(names)
	return names, nil
}

// shipSegment takes it through this process, packed: a segment that was switched early is mostly zeros.
func shipSegment(ctx context.Context, primary, standby *cluster.Node, name string) error {
	packed, err := primary.Shell(ctx, `gzip -c "$1"`, primary.ArchiveDir()+"/"+name)
	if err != nil {
		return err
	}
	file := standby.ArchiveDir() + "/" + name
	if err := standby.WriteFile(ctx, file+".gz", []byte(packed)); err != nil {
		return err
	}
	_, err = standby.Shell(ctx, `gzip -dc "$1.gz" >"$1.part" && mv "$1.part" "$1" && rm "$1.gz"`, file)
	return err
}
