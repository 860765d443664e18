package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// OutOfMemory makes the kernel's OOM killer kill a backend of PostgreSQL.
//
// It imitates a query that takes more memory than the pod or the machine has: a large sort, a huge array, a leak. The kernel kills the
// process without a warning, and PostgreSQL ends every session and recovers, as after any crash of a backend.
//
// Mechanism: the memory limit of PostgreSQL's container is lowered, through the engine, to what it uses and needs anyway and a little more, and a
// query in a session of the fault's own takes several times that. The session's process has oom_score_adj 1000, as PostgreSQL's manual
// recommends it for backends, so it is the victim and not the postmaster. It needs control groups with a limit of memory, and a
// kernel that overcommits: vm.overcommit_memory 2 refuses the memory instead. It does not take memory from the host or from other nodes.
//
// It is momentary, but the limit stays until Revert restores what it was; after the death of the tester `make heal` does. The session that is killed is
// none of the workload's, but the restart ends those too.
type OutOfMemory struct{ Target Target }

// String is "out-of-memory(primary)".
func (f OutOfMemory) String() string { return "out-of-memory(" + f.Target.String() + ")" }

// Supported asks for control groups and for the kernel's overcommitment.
func (f OutOfMemory) Supported(ctx context.Context, c *cluster.Cluster) error {
	if err := countable(ctx, c); err != nil {
		return err
	}
	text, err := c.Nodes()[0].Shell(ctx, `cat /proc/sys/vm/overcommit_memory`)
	if err == nil && strings.TrimSpace(text) == "2" {
		return unsupported("vm.overcommit_memory is 2: memory is refused, and nobody is killed for it")
	}
	return err
}

// Mechanism names the version of control groups.
func (f OutOfMemory) Mechanism(ctx context.Context, c *cluster.Cluster) string {
	return groups(ctx, c, "a memory limit and a query that exceeds it")
}

// Footprint is that of the death of a backend, by way of the limit.
func (f OutOfMemory) Footprint() Footprint {
	target := f.Target.String()
	return Footprint{Needs: []string{target}, Takes: []string{target}, Holds: []string{"processes of " + target, "memory of " + target}}
}

// Bind finds the node and its limits.
func (f OutOfMemory) Bind(ctx context.Context, r *Runner) (Bound, error) {
	node, err := f.Target.one(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	_, limit, err := node.Limits(ctx)
	return &starvedOfMemory{node: node, peers: r.Cluster.Peers(node), hits: r.hits, was: limit}, err
}

// starvedOfMemory is a node whose memory is to run out, and, after Inject, has.
type starvedOfMemory struct {
	node    *cluster.Node
	peers   []*cluster.Node
	was     cluster.MemoryLimit
	before  cluster.Usage
	others  bystanders
	hits    *hits
	release func()
	limit   int64 // bytes
	pid     int   // of the backend that takes too much
	logged  int64
	at      time.Time
}

func (b *starvedOfMemory) String() string { return "out-of-memory(" + b.node.Name() + ")" }

func (b *starvedOfMemory) Targets() []string { return []string{b.node.Name()} }

func (b *starvedOfMemory) Undo() []intent.Action {
	return []intent.Action{undoMemory(b.node, b.was)}
}

func (b *starvedOfMemory) Momentary() {}

// room is what the hungry session can take before the limit is hit, in bytes, beyond what the shared buffers may still need.
const room = 48 << 20

// Inject lowers the limit and lets a session of its own exceed it.
func (b *starvedOfMemory) Inject(ctx context.Context) (_ Active, err error) {
	if b.logged, err = b.node.LogSize(ctx); err != nil {
		return nil, err
	}
	if b.others, err = watch(ctx, b.hits, resourceMemory, b.peers); err != nil {
		return nil, err
	}
	hungry, err := newSession(ctx, b.node)
	if err != nil {
		return nil, err
	}
	defer hungry.close(ctx)
	if err := b.offer(ctx, hungry); err != nil {
		return nil, err
	}
	b.release = b.hits.limit(resourceMemory + " of " + b.node.Name())
	if err := b.node.LimitMemory(ctx, tight(b.limit)); err != nil {
		return b, err
	}
	return b, b.exceed(ctx, hungry)
}

// offer makes the session's process the one that the kernel kills first, and computes the limit.
func (b *starvedOfMemory) offer(ctx context.Context, hungry *session) (err error) {
	if err := hungry.conn.QueryRow(ctx, `select pg_backend_pid()`).Scan(&b.pid); err != nil {
		return fmt.Errorf("ask the session on %s: %w", b.node, err)
	}
	if _, err := b.node.Shell(ctx, `echo 1000 >"/proc/$1/oom_score_adj"`, fmt.Sprint(b.pid)); err != nil {
		return err
	}
	if b.before, err = b.node.Usage(ctx); err != nil {
		return err
	}
	b.limit, err = least(ctx, b.node, b.before)
	b.limit += room
	return err
}

// A megabyte is aggregated as often as is asked for, in groups, because one string holds no more than a gigabyte; all groups are kept at once.
const hunger = `select sum(length(part)) from (
	select string_agg(repeat('x', 1048576), '') as part from generate_series(1, $1::int) as i group by i % $2::int) as parts`

// exceed takes more than the container may have. That the session breaks is what is wanted.
func (b *starvedOfMemory) exceed(ctx context.Context, hungry *session) error {
	if _, err := hungry.conn.Exec(ctx, `set enable_sort = off`); err != nil { // sorted groups would be kept one after the other
		return fmt.Errorf("ask the session on %s: %w", b.node, err)
	}
	megabytes := 2 * b.limit >> 20
	_, err := hungry.conn.Exec(ctx, hunger, megabytes, megabytes/256+1)
	b.at = time.Now()
	var refused *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("exceed the memory of %s: %w", b.node, ctx.Err())
	case err == nil:
		return fmt.Errorf("exceed the memory of %s: it gave %d MB, with a limit of %d", b.node, megabytes, b.limit>>20)
	case errors.As(err, &refused) && refused.Severity != "FATAL":
		return fmt.Errorf("exceed the memory of %s: it was refused: %w", b.node, err)
	}
	return nil
}

// Verify reads in PostgreSQL's log that the session's process was killed, and that the kernel counts a victim in the container's
// control group. (The engine's own State.OOMKilled tells of the container's first process only.) Control: the other nodes' limits
// and processes are as they were.
func (b *starvedOfMemory) Verify(ctx context.Context) (Evidence, error) {
	now, err := b.node.Usage(ctx)
	if err != nil {
		return Evidence{}, err
	}
	if now.OOMKills <= b.before.OOMKills {
		return Evidence{}, fmt.Errorf("the kernel has killed no process of %s for its memory", b.node)
	}
	said := fmt.Sprintf("(PID %d) was terminated by signal 9", b.pid)
	if err := try(ctx, func(ctx context.Context) error {
		text, err := b.node.Log(ctx, b.logged)
		if err == nil && !strings.Contains(text, said) {
			err = fmt.Errorf("the log of %s does not say %q", b.node, said)
		}
		return err
	}); err != nil {
		return Evidence{}, err
	}
	control, err := b.others.spared(ctx)
	return Evidence{
		At: b.at, Effect: fmt.Sprintf("backend %d of %s was killed, and PostgreSQL restarts its processes", b.pid, b.node), Control: control,
		Values: map[string]string{
			"mechanism": fmt.Sprintf("memory limit, control groups v%d", now.Version), "limit": fmt.Sprint(b.limit),
			"oom_kill": fmt.Sprint(now.OOMKills - b.before.OOMKills),
		},
	}, err
}

// Revert sets the limit to what it was.
func (b *starvedOfMemory) Revert(ctx context.Context) error {
	if err := b.node.LimitMemory(ctx, b.was); err != nil {
		return err
	}
	b.release()
	return nil
}

// VerifyReverted reads the limit that the kernel holds.
func (b *starvedOfMemory) VerifyReverted(ctx context.Context) (Evidence, error) {
	return memoryRestored(ctx, b.node, b.before)
}
