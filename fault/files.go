package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// harm is what a fault does to one file of a data folder.
type harm struct {
	path   string // below PGDATA
	remove bool   // the whole file; else:
	offset uint64 // of the bytes that are overwritten
	length int
	spoil  func(original []byte) []byte // as long as what it gets
}

// String says what is harmed.
func (h harm) String() string {
	if h.remove {
		return h.path
	}
	return fmt.Sprintf("%d bytes of %s from %d on", h.length, h.path, h.offset)
}

// fileKind is what one fault of files does and how it is seen.
type fileKind struct {
	name string
	// choose says what to harm. PostgreSQL is down.
	choose func(ctx context.Context) (harm, error)
	// bites sees by PostgreSQL's own programs that the file is harmed.
	bites func(ctx context.Context) (effect string, err error)
	// whole sees by the same means that it is not.
	whole func(ctx context.Context) (effect string, err error)
	live  bool // PostgreSQL runs while the fault is in effect; else it is killed, and Revert starts it if Restart says so
}

// fileFault is a file to harm on one node, and, after Inject, harmed. The original bytes, or the file, are kept in a folder
// beside the data folder until they are put back.
type fileFault struct {
	kind    fileKind
	node    *cluster.Node
	peers   []*cluster.Node
	restart bool
	keep    string
	harm    harm
	rest    string // what the rest of the file, or of its folder, was
	at      time.Time
}

// bindFile makes a file fault on one node. The folder's name is drawn: two faults on one node keep apart.
func bindFile(r *Runner, node *cluster.Node, restart bool, kind fileKind) *fileFault {
	keep := path.Join(path.Dir(node.DataDir()), "kept-"+strings.ToLower(rand.Text()[:10]))
	return &fileFault{kind: kind, node: node, peers: r.Cluster.Peers(node), restart: restart, keep: keep}
}

func (b *fileFault) String() string    { return b.kind.name + "(" + b.node.Name() + ")" }
func (b *fileFault) Targets() []string { return []string{b.node.Name()} }

// Undo puts back what was kept.
func (b *fileFault) Undo() []intent.Action {
	argv := []string{"/bin/sh", "-c", putBack, "sh", b.keep}
	return []intent.Action{{Kind: intent.Exec, Node: b.node.Name(), Container: b.node.Container(), User: "postgres", Argv: argv}}
}

// Inject ends PostgreSQL as a crash does: a server that runs would write over most harm, or has the page in its cache.
func (b *fileFault) Inject(ctx context.Context) (Active, error) {
	if err := b.stop(ctx); err != nil {
		return b.active(), err
	}
	var err error
	if b.harm, err = b.kind.choose(ctx); err != nil {
		return b.active(), err
	}
	if b.rest, err = b.others(ctx); err != nil {
		return b.active(), err
	}
	if err := b.do(ctx); err != nil {
		return b.active(), fmt.Errorf("harm %s of %s: %w", b.harm, b.node, err)
	}
	b.at = time.Now()
	if b.kind.live {
		return b.active(), b.node.Start(ctx)
	}
	return b.active(), nil
}

// active is momentary unless PostgreSQL runs with the harm: a server that starts, or a node that is built anew, writes over it.
func (b *fileFault) active() Active {
	if b.kind.live {
		return b
	}
	return momentaryFile{b}
}

type momentaryFile struct{ *fileFault }

func (momentaryFile) Momentary() {}

func (b *fileFault) stop(ctx context.Context) error {
	running, err := b.node.Running(ctx)
	if err != nil || !running {
		return err
	}
	if b.kind.live {
		if err := b.node.SQL(ctx, "CHECKPOINT"); err != nil {
			return err
		}
		return b.node.Stop(ctx, cluster.Immediate) // a fast stop waits for a standby that another fault may have cut off
	}
	_, err = b.node.Kill(ctx)
	return err
}

// keepBytes keeps $4 bytes from $3 on of the file $2 in the folder $1.
const keepBytes = `set -e
umask 077
mkdir "$1"
printf '%s\n' "$2" "$3" "$4" >"$1/where"
dd if="$PGDATA/$2" of="$1/original" bs=1 skip="$3" count="$4" 2>/dev/null
[ "$(wc -c <"$1/original")" -eq "$4" ]`

// overwrite is the harm. Whoever reads the file afterwards gets it, though the tester dies.
const overwrite = `exec dd if="$1/harm" of="$PGDATA/$2" bs=1 seek="$3" conv=notrunc,fsync 2>/dev/null`

// takeAway keeps the file $2 in the folder $1.
const takeAway = `set -e
umask 077
mkdir "$1"
printf '%s\n' "$2" >"$1/where"
cksum <"$PGDATA/global/pg_control" >"$1/control"
mv "$PGDATA/$2" "$1/removed"`

// putBack undoes what was kept in the folder $1, if the node still is as the fault left it: a server that has started since, or a
// node that was built anew, has other bytes there (or, of a file that was removed, another control file), and the old would be damage.
const putBack = `set -e
[ -d "$1" ] || exit 0
if [ -e "$1/removed" ]; then
	read -r path <"$1/where"
	if cksum <"$PGDATA/global/pg_control" | cmp -s - "$1/control"; then mv "$1/removed" "$PGDATA/$path"; fi
elif [ -e "$1/harm" ]; then
	{ read -r path; read -r offset; read -r length; } <"$1/where"
	if dd if="$PGDATA/$path" bs=1 skip="$offset" count="$length" 2>/dev/null | cmp -s - "$1/harm"; then
		dd if="$1/original" of="$PGDATA/$path" bs=1 seek="$offset" conv=notrunc,fsync 2>/dev/null
	fi
fi
rm -rf "$1"`

func (b *fileFault) do(ctx context.Context) error {
	if b.harm.remove {
		_, err := b.node.Shell(ctx, takeAway, b.keep, b.harm.path)
		return err
	}
	offset := strconv.FormatUint(b.harm.offset, 10)
	if _, err := b.node.Shell(ctx, keepBytes, b.keep, b.harm.path, offset, strconv.Itoa(b.harm.length)); err != nil {
		return err
	}
	original, err := b.node.ReadFile(ctx, b.keep+"/original")
	if err != nil {
		return err
	}
	spoilt := b.harm.spoil(original)
	if string(spoilt) == string(original) {
		return errors.New("it would change nothing")
	}
	if err := b.node.WriteFile(ctx, b.keep+"/harm", spoilt); err != nil {
		return err
	}
	_, err = b.node.Shell(ctx, overwrite, b.keep, b.harm.path, offset)
	return err
}

// restOfFile sums the file $1 without the $3 bytes from $2 on; restOfFolder lists what else is beside the file $1.
const (
	restOfFile   = `{ head -c "$2" "$PGDATA/$1"; tail -c "+$(($2 + $3 + 1))" "$PGDATA/$1"; } | cksum`
	restOfFolder = `cd "$PGDATA/${1%/*}" && for f in *; do [ "$f" = "${1##*/}" ] || echo "$f"; done | cksum`
)

// others is the control: what the harm does not touch.
func (b *fileFault) others(ctx context.Context) (string, error) {
	script := restOfFile
	if b.harm.remove {
		script = restOfFolder
	}
	return b.node.Shell(ctx, script, b.harm.path, strconv.FormatUint(b.harm.offset, 10), strconv.Itoa(b.harm.length))
}

// Verify sees the harm by PostgreSQL's own programs. Control: the rest of the file (of the folder, if the file is removed) is
// what it was, and the other nodes' ports answer.
func (b *fileFault) Verify(ctx context.Context) (Evidence, error) {
	effect, err := b.kind.bites(ctx)
	if err != nil {
		return Evidence{}, err
	}
	control, err := othersAnswer(ctx, b.node, b.peers)
	if err != nil {
		return Evidence{}, err
	}
	if !b.kind.live {
		rest, err := b.others(ctx)
		if err != nil {
			return Evidence{}, err
		}
		if rest != b.rest {
			return Evidence{}, fmt.Errorf("more of %s has changed than %s", b.node, b.harm)
		}
		control += ", the rest of " + b.harm.path + " is as it was"
	}
	values := map[string]string{"mechanism": "a file of the data folder", "harm": b.harm.String()}
	return Evidence{At: b.at, Effect: effect, Control: control, Values: values}, nil
}

// Revert puts back what is still as the fault left it, and with Restart starts PostgreSQL.
func (b *fileFault) Revert(ctx context.Context) error {
	if _, err := b.node.Shell(ctx, putBack, b.keep); err != nil {
		return err
	}
	return startAgain(ctx, b.node, b.restart || b.kind.live)
}

// VerifyReverted sees by the same programs that nothing is harmed, and with Restart that PostgreSQL answers.
func (b *fileFault) VerifyReverted(ctx context.Context) (Evidence, error) {
	if b.restart || b.kind.live {
		if _, err := b.node.Role(ctx); err != nil {
			return Evidence{}, err
		}
	}
	effect, err := b.kind.whole(ctx)
	return Evidence{Effect: effect}, err
}
