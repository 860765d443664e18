package cluster

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a kind of PostgreSQL process, named as in its title: postmaster, walreceiver, walsender, startup, checkpointer,
// archiver, walwriter, "background writer", or client backend.
type Process string

// The processes that can be signalled.
const (
	Postmaster   Process = "postmaster"
	WALReceiver  Process = "walreceiver"
	WALSender    Process = "walsender"
	Startup      Process = "startup"
	Checkpointer Process = "checkpointer"
	Archiver     Process = "archiver"
	WALWriter    Process = "walwriter"
	Backend      Process = "backend"
)

// scan lists PostgreSQL's processes with what the shell itself can do: no ps is needed in the image. A line is the PID, the parent's PID and the title;
// of a process that nobody has waited for yet the title is empty.
const scan = `for d in /proc/[0-9]*; do
	name= parent=
	read -r pid name state parent rest <"$d/stat" || continue
	case $name in "(postgres)"|"(postmaster)") ;; *) continue ;; esac
	title=
	read -r title <"$d/cmdline"
	echo "$pid $parent $title"
done 2>/dev/null
:`

// process is one of PostgreSQL's, with its title as in ps. The NULs between a program's arguments are gone.
type process struct {
	pid   int
	title string
	child bool // of another process of PostgreSQL
}

func (n *Node) processes(ctx context.Context) ([]process, error) {
	text, err := n.Shell(ctx, scan)
	if err != nil {
		return nil, err
	}
	found, err := parseProcesses(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.name, err)
	}
	return found, nil
}

func parseProcesses(text string) ([]process, error) {
	var found []process
	var parents []int
	seen := map[int]bool{}
	for line := range strings.Lines(text) {
		number, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		above, title, _ := strings.Cut(rest, " ")
		pid, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("processes: line %q: %w", line, err)
		}
		parent, err := strconv.Atoi(above)
		if err != nil {
			return nil, fmt.Errorf("processes: line %q: %w", line, err)
		}
		found, parents, seen[pid] = append(found, process{pid: pid, title: strings.TrimSpace(title)}), append(parents, parent), true
	}
	for i, parent := range parents {
		found[i].child = seen[parent]
	}
	return found, nil
}

// titleStart is how children call themselves: "postgres: ", and "cluster_name: " if that is set (documentation, "Standard Unix Tools").
var titleStart = regexp.MustCompile(`^postgres: (?:[^ :]+: )?`)

// helpers are the beginnings of titles that are neither a client's backend nor one of the constants.
var helpers = []string{
	"background writer", "autovacuum", "logical replication", "parallel worker", "logger", "walsummarizer", "slotsync",
	"io worker", "bgworker", "checkpointer", "walwriter", "archiver", "startup", "walreceiver", "walsender",
}

// kind tells what the process is; empty for one that is neither a constant's nor a client's backend.
func (p process) kind() Process {
	start := titleStart.FindString(p.title)
	if start == "" {
		if p.title == "" || p.child || strings.Contains(p.title, "--single") {
			return "" // ended but not waited for, just forked and still called as the postmaster, or the crash recovery that pg_rewind does
		}
		return Postmaster
	}
	title := p.title[len(start):]
	for _, kind := range []Process{WALReceiver, WALSender, Startup, Checkpointer, Archiver, WALWriter} {
		if word, _, _ := strings.Cut(title, " "); word == string(kind) {
			return kind
		}
	}
	for _, helper := range helpers {
		if strings.HasPrefix(title, helper) {
			if title == helper || strings.HasPrefix(title, helper+" ") {
				return ""
			}
		}
	}
	return Backend
}

// is also takes a helper's own title, "background writer".
func (p process) is(kind Process) bool {
	if own := p.kind(); own != "" {
		return own == kind
	}
	title := p.title[len(titleStart.FindString(p.title)):]
	return title == string(kind) || strings.HasPrefix(title, string(kind)+" ")
}

// describe says which processes are there, as an error; nil if none.
func describe(found []process) error {
	if len(found) == 0 {
		return nil
	}
	words := make([]string, len(found))
	for i, p := range found {
		words[i] = fmt.Sprintf("%d %q", p.pid, p.title)
	}
	return errors.New("still there: " + strings.Join(words, ", "))
}

// PIDs finds the processes of that kind, as PIDs inside the node's container.
func (n *Node) PIDs(ctx context.Context, p Process) ([]int, error) {
	found, err := n.processes(ctx)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, one := range found {
		if one.is(p) {
			pids = append(pids, one.pid)
		}
	}
	return pids, nil
}

// sendSignal is nothing but kill, so that the moment is known: what comes before is done by then.
const sendSignal = `signal=$1; shift; kill "-$signal" "$@"`

// Signal sends a signal to every process of that kind; none is an error. It returns the moment it was sent, which is the
// middle of a round trip of about a millisecond.
func (n *Node) Signal(ctx context.Context, p Process, s syscall.Signal) (time.Time, error) {
	pids, err := n.PIDs(ctx, p)
	if err != nil {
		return time.Time{}, fmt.Errorf("signal: %w", err)
	}
	if len(pids) == 0 {
		return time.Time{}, fmt.Errorf("signal: %s has no %s", n.name, p)
	}
	return n.SignalPIDs(ctx, s, pids...)
}

// SignalPIDs sends a signal to processes in the node's container and returns the moment it was sent, as Signal.
func (n *Node) SignalPIDs(ctx context.Context, s syscall.Signal, pids ...int) (time.Time, error) {
	args := []string{strconv.Itoa(int(s))}
	for _, pid := range pids {
		args = append(args, strconv.Itoa(pid))
	}
	result, err := n.postgres.run(ctx, sendSignal, args...)
	if err != nil {
		return time.Time{}, fmt.Errorf("signal %s: %w", n.name, err)
	}
	return result.Sent.Add(result.Answered.Sub(result.Sent) / 2), nil
}
