package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster/internal/shell"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// system is what the nodes of a run write over the template's, so that no two runs have one system identifier:
// a standby or an archive of one would otherwise take the other for its own.
type system struct {
	control  []byte   // the head of global/pg_control
	id       []byte   // for the segments
	segments []string // of pg_wal, one after a clean stop
}

// drawSystem reads a node's fresh copy of the template. All nodes have the same one, and change it in the same way.
func drawSystem(ctx context.Context, n *Node) (system, error) {
	head, err := n.postgres.run(ctx, `dd if="$PGDATA/global/pg_control" bs="$1" count=1 2>/dev/null`, fmt.Sprint(pg.ControlHead))
	if err != nil {
		return system{}, err
	}
	names, err := n.Shell(ctx, `cd "$PGDATA/pg_wal" && echo 0*`)
	if err != nil {
		return system{}, err
	}
	// As initdb does it: the seconds first (BootStrapXLOG in xlog.c). What follows is random, not a PID that repeats.
	var low [4]byte
	_, _ = rand.Read(low[:]) // it never fails (crypto/rand)
	id := uint64(time.Now().Unix())<<32 | uint64(binary.LittleEndian.Uint32(low[:]))
	drawn := system{control: head.Stdout, id: pg.SystemBytes(id), segments: strings.Fields(names)}
	former, err := pg.SetSystemIdentifier(drawn.control, id)
	if err != nil {
		return system{}, err
	}
	for _, segment := range drawn.segments {
		page, err := n.postgres.run(ctx, `dd if="$PGDATA/pg_wal/$1" bs="$2" count=1 2>/dev/null`, segment, fmt.Sprint(pg.WALHead))
		if err != nil {
			return system{}, err
		}
		if err := pg.CheckWALHead(page.Stdout, former); err != nil {
			return system{}, fmt.Errorf("%s: %w", segment, err)
		}
	}
	return drawn, nil
}

// fillSegment gives a segment of WAL its full 16 MB, initdb's default, in zeros: the template has only what was written of it.
const fillSegment = `fill() {
	blocks=$(($(wc -c <"$1") / 65536))
	dd if=/dev/zero of="$1" bs=65536 seek=$blocks count=$((256 - blocks)) conv=notrunc 2>/dev/null
}
`

// script writes it into a node's copy. Each write is in place and as long as what it replaces.
func (s system) script() string {
	var out strings.Builder
	out.WriteString(fillSegment)
	fmt.Fprintf(&out, "{\n%s} | dd of=\"$PGDATA/global/pg_control\" bs=%d count=1 conv=notrunc 2>/dev/null\n", shell.Echo(s.control), len(s.control))
	for _, segment := range s.segments {
		fmt.Fprintf(&out, "{\n%s} | dd of=\"$PGDATA/pg_wal/\"%s bs=%d seek=%d conv=notrunc 2>/dev/null\n",
			shell.Echo(s.id), shell.Quote(segment), len(s.id), pg.WALSystem/len(s.id))
		fmt.Fprintf(&out, "fill \"$PGDATA/pg_wal/\"%s\n", shell.Quote(segment))
	}
	return out.String()
}
