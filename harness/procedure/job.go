package procedure

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// A job is a program that runs inside a node for a while and is looked at meanwhile. It outlives the shell that started it,
// writes to files beside the data folder, and dies with the node's container.
type job struct {
	node *cluster.Node
	dir  string // its files inside the node
}

// state is what a look at a job saw.
type state struct {
	ended   bool
	status  int   // exit status, once it has ended
	written int64 // bytes that the program has written so far: wchar of /proc/<pid>/io
	output  string
}

const jobEvery = 10 * time.Millisecond

const startScript = `
job="$1"; shift
rm -rf "$job" && mkdir -m 700 "$job" || exit 1
(
	"$@" >"$job/output" 2>&1 </dev/null &
	pid=$!
	echo $pid >"$job/pid.tmp" && mv "$job/pid.tmp" "$job/pid"
	wait $pid
	echo $? >"$job/status.tmp"; mv "$job/status.tmp" "$job/status"
) >/dev/null 2>&1 </dev/null &
`

const lookScript = `
job="$1"
if [ -e "$job/status" ]; then
	echo "ended $(cat "$job/status") 0"
else
	written=0
	if [ -e "$job/pid" ]; then
		while read -r name value; do [ "$name" = wchar: ] && written=$value; done 2>/dev/null <"/proc/$(cat "$job/pid")/io"
	fi
	echo "running 0 $written"
fi
cat "$job/output" 2>/dev/null || :
`

// start begins a program in a node; its files are kept under name beside the data folder.
func start(ctx context.Context, n *cluster.Node, name string, argv ...string) (*job, error) {
	j := &job{node: n, dir: beside(n, name)}
	if _, err := n.Shell(ctx, startScript, append([]string{j.dir}, argv...)...); err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", argv[0], n, err)
	}
	return j, nil
}

// look says how far the job is.
func (j *job) look(ctx context.Context) (state, error) {
	text, err := j.node.Shell(ctx, lookScript, j.dir)
	if err != nil {
		return state{}, err
	}
	return parseState(text)
}

// parseState reads what lookScript prints: "ended STATUS 0" or "running 0 WRITTEN", a newline, the program's output.
func parseState(text string) (state, error) {
	first, output, _ := strings.Cut(text, "\n")
	words := strings.Fields(first)
	if len(words) != 3 || words[0] != "ended" && words[0] != "running" {
		return state{}, fmt.Errorf("state of a job: %q is not understood", first)
	}
	s := state{ended: words[0] == "ended", output: output}
	var err error
	if s.status, err = strconv.Atoi(words[1]); err != nil {
		return state{}, fmt.Errorf("state of a job: exit status: %w", err)
	}
	if s.written, err = strconv.ParseInt(words[2], 10, 64); err != nil {
		return state{}, fmt.Errorf("state of a job: bytes written: %w", err)
	}
	return s, nil
}

// wait looks until the job has ended, and calls each with what it sees. If ctx ends first, or each returns an error, or the
// node cannot be asked any more, the program is killed as far as that can still be done.
func (j *job) wait(ctx context.Context, each func(state) error) (state, error) {
	tick := time.NewTicker(jobEvery)
	defer tick.Stop()
	for {
		s, err := j.look(ctx)
		if err == nil {
			err = each(s)
		}
		if err != nil {
			j.abandon(ctx)
			return s, err
		}
		if s.ended {
			return s, nil
		}
		select {
		case <-ctx.Done():
			j.abandon(ctx)
			return s, fmt.Errorf("wait for the program to end: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// signal sends the program a signal, by its name as kill(1) takes it.
func (j *job) signal(ctx context.Context, name string) error {
	_, err := j.node.Shell(ctx, `kill -s "$2" "$(cat "$1/pid")"`, j.dir, name)
	return err
}

// abandon kills the program without looking whether that worked: the node may be gone.
func (j *job) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = j.signal(ctx, "KILL")
}

// beside is a path next to the data folder, on the same volume: it survives the container, and pg_rewind does not touch it.
func beside(n *cluster.Node, name string) string {
	dir := strings.TrimRight(n.DataDir(), "/")
	return dir[:strings.LastIndexByte(dir, '/')+1] + name
}
