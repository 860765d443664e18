package cluster

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Usage is what the kernel counts of PostgreSQL's container and holds it to, from its control group of version 1 or 2.
// Counters only grow while the container runs.
type Usage struct {
	Version int // of control groups

	CPU       time.Duration // used by all processes together
	Quota     time.Duration // of CPU time in each Period; 0 is no limit
	Period    time.Duration
	Throttled int64 // periods in which the quota was used up

	Memory      int64 // bytes charged
	PageCache   int64 // of them, pages of files, which the kernel can drop
	Shared      int64 // of them, shared memory
	MemoryLimit int64 // 0 is no limit
	LimitHits   int64 // how often the limit was hit
	OOMKills    int64 // processes killed for it
}

// readCgroup prints every line of the files after the file's name, with what the shell itself can do: nothing is forked in a
// container that may hardly get any CPU time.
const readCgroup = `cd /sys/fs/cgroup || exit
if [ -e cgroup.controllers ]; then
	set cpu.stat cpu.max memory.current memory.max memory.events memory.stat
else
	set cpu/cpu.stat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuacct/cpuacct.usage memory/memory.usage_in_bytes \
		memory/memory.limit_in_bytes memory/memory.failcnt memory/memory.oom_control memory/memory.stat
fi
for file; do
	[ -r "$file" ] || continue
	while read -r line; do echo "${file#*/} $line"; done <"$file"
done`

// Usage reads the counters inside the node, so it needs a container that runs and is not frozen.
func (n *Node) Usage(ctx context.Context) (Usage, error) {
	text, err := n.Shell(ctx, readCgroup)
	if err != nil {
		return Usage{}, fmt.Errorf("control group: %w", err)
	}
	usage, err := parseUsage(text)
	if err != nil {
		return Usage{}, fmt.Errorf("control group of %s: %w", n.name, err)
	}
	return usage, nil
}

// cgroupFiles are lines by "file key", or by "file" where a file is one value.
type cgroupFiles map[string]string

func parseUsage(text string) (Usage, error) {
	files := cgroupFiles{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[name] = value
		if key, value, ok := strings.Cut(value, " "); ok {
			files[name+" "+key] = value
		}
	}
	if _, second := files["cpu.stat usage_usec"]; second {
		return files.second()
	}
	return files.first()
}

func (f cgroupFiles) first() (Usage, error) {
	number := reader{files: f}
	return Usage{
		Version: 1,
		CPU:     time.Duration(number.get("cpuacct.usage")),
		Quota:   time.Duration(max(number.get("cpu.cfs_quota_us"), 0)) * time.Microsecond,
		Period:  time.Duration(number.get("cpu.cfs_period_us")) * time.Microsecond, Throttled: number.get("cpu.stat nr_throttled"),
		Memory: number.get("memory.usage_in_bytes"), MemoryLimit: bytes(number.get("memory.limit_in_bytes")),
		PageCache: number.get("memory.stat total_inactive_file") + number.get("memory.stat total_active_file"),
		Shared:    number.get("memory.stat total_shmem"), LimitHits: number.get("memory.failcnt"), OOMKills: number.get("memory.oom_control oom_kill"),
	}, number.err
}

func (f cgroupFiles) second() (Usage, error) {
	number := reader{files: f}
	if text, found := f["cpu.max"]; found {
		f["cpu.max"], f["cpu.max period"], _ = strings.Cut(text, " ")
	}
	return Usage{
		Version: 2,
		CPU:     time.Duration(number.get("cpu.stat usage_usec")) * time.Microsecond,
		Quota:   time.Duration(number.most("cpu.max")) * time.Microsecond,
		Period:  time.Duration(number.get("cpu.max period")) * time.Microsecond, Throttled: number.get("cpu.stat nr_throttled"),
		Memory: number.get("memory.current"), MemoryLimit: bytes(number.most("memory.max")),
		PageCache: number.get("memory.stat inactive_file") + number.get("memory.stat active_file"),
		Shared:    number.get("memory.stat shmem"), LimitHits: number.get("memory.events max"), OOMKills: number.get("memory.events oom_kill"),
	}, number.err
}

// reader reads numbers and keeps the first error: a controller that is not there.
type reader struct {
	files cgroupFiles
	err   error
}

func (r *reader) get(name string) int64 {
	text, found := r.files[name]
	value, err := strconv.ParseInt(text, 10, 64)
	switch {
	case r.err != nil:
	case !found:
		r.err = fmt.Errorf("%s is missing", name)
	case err != nil:
		r.err = fmt.Errorf("%s: %w", name, err)
	}
	return value
}

// most is a limit of version 2, where "max" is none.
func (r *reader) most(name string) int64 {
	if r.files[name] == "max" {
		return 0
	}
	return r.get(name)
}
