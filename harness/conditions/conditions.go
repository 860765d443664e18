// Package conditions watches what spoils a measurement: other work on the machine, swapping, a CPU quota, a hypervisor that
// takes time away, steps of the clock. It measures nothing of PostgreSQL, and imports the standard library only.
//
// What it says is for Manifest.Machine; keys that begin with Spoiled name a condition that was bad enough to distrust the
// run's times. Where the kernel does not tell something (no PSI, no cgroup), that is left out.
package conditions

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Spoiled is how keys begin whose values say what spoils a measurement.
const Spoiled = "spoiled: "

// What is bad enough. The harness itself works the machine hard during a run, so these are about others, or about stalls
// that the measured times would show.
const (
	badLoad     = 1.5                   // load for each CPU when the run begins: repetitions leave the next one about 1.25 on two CPUs
	badSteal    = 0.02                  // share of all CPU time that a hypervisor took
	badPressure = 0.60                  // share of the time in which something waited for a CPU
	badMemory   = 0.01                  // share of the time in which something waited for memory
	badThrottle = 0.01                  // share of the time in which a CPU quota stopped us
	badSwap     = 1 << 20               // bytes to or from swap
	badStep     = 50 * time.Millisecond // between the wall clock and the monotonic one
)

// Snapshot is what the kernel's counters say at one moment.
type Snapshot struct {
	at       time.Time // with its monotonic reading
	wall     time.Time // the wall clock alone
	cpus     int
	load     float64       // one minute average; -1: not known
	steal    float64       // CPU time that a hypervisor took, in ticks
	ticks    float64       // all CPU time, in ticks
	pressure time.Duration // PSI: something waited for a CPU
	memory   time.Duration // PSI: something waited for memory
	throttle time.Duration // the cgroup's CPU quota stopped us
	swapped  float64       // pages to and from swap
}

// Take reads the counters now.
func Take() Snapshot { return take(os.DirFS("/"), time.Now(), runtime.NumCPU()) }

func take(root fs.FS, now time.Time, cpus int) Snapshot {
	s := Snapshot{at: now, wall: now.Round(0), cpus: cpus, load: -1}
	if fields := strings.Fields(read(root, "proc/loadavg")); len(fields) > 0 {
		if load, err := strconv.ParseFloat(fields[0], 64); err == nil {
			s.load = load
		}
	}
	s.steal, s.ticks = cpuTime(read(root, "proc/stat"))
	s.pressure = stalled(read(root, "proc/pressure/cpu"))
	s.memory = stalled(read(root, "proc/pressure/memory"))
	vm := counters(read(root, "proc/vmstat"))
	s.swapped = vm["pswpin"] + vm["pswpout"]
	s.throttle = throttled(root)
	return s
}

// read is a file's text; nothing if it cannot be read.
func read(root fs.FS, path string) string {
	text, err := fs.ReadFile(root, path)
	if err != nil {
		return ""
	}
	return string(text)
}

// counters are lines of a name and a number.
func counters(text string) map[string]float64 {
	found := map[string]float64{}
	for _, line := range strings.Split(text, "\n") {
		if fields := strings.Fields(line); len(fields) == 2 {
			if n, err := strconv.ParseFloat(fields[1], 64); err == nil {
				found[fields[0]] = n
			}
		}
	}
	return found
}

// cpuTime takes stolen and all time from the first line of /proc/stat (proc(5): user nice system idle iowait irq softirq steal).
func cpuTime(text string) (steal, all float64) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0
		}
		all += n
		if i == 7 {
			steal = n
		}
	}
	return steal, all
}

// stalled is the total of the line "some" of a PSI file (kernel documentation, "PSI - Pressure Stall Information").
func stalled(text string) time.Duration {
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "some ") {
			continue
		}
		if _, total, ok := strings.Cut(line, "total="); ok {
			if us, err := strconv.ParseInt(strings.TrimSpace(total), 10, 64); err == nil {
				return time.Duration(us) * time.Microsecond
			}
		}
	}
	return 0
}

// throttled is how long the own cgroup's CPU quota has stopped us: cgroup v2 counts microseconds, v1 nanoseconds.
func throttled(root fs.FS) time.Duration {
	if v2 := counters(read(root, "sys/fs/cgroup/cpu.stat")); v2["throttled_usec"] > 0 {
		return time.Duration(v2["throttled_usec"]) * time.Microsecond
	}
	return time.Duration(counters(read(root, "sys/fs/cgroup/cpu/cpu.stat"))["throttled_time"])
}

// Until says what the machine went through from one snapshot to a later one.
func (s Snapshot) Until(end Snapshot) map[string]string {
	said := map[string]string{}
	took := end.at.Sub(s.at)
	if took <= 0 {
		return said
	}
	if s.load >= 0 {
		said["load at start"], said["load at end"] = number(s.load), number(end.load)
		if s.load > badLoad*float64(s.cpus) {
			said[Spoiled+"load"] = fmt.Sprintf("%s running or waiting on %d CPUs when the run began", number(s.load), s.cpus)
		}
	}
	share := func(key, what string, part, bad float64) {
		if part > bad {
			said[Spoiled+key] = fmt.Sprintf("%s for %.1f %% of the run (%.0f %% is bearable)", what, 100*part, 100*bad)
		}
	}
	if ticks := end.ticks - s.ticks; ticks > 0 {
		share("steal", "a hypervisor took CPU time", (end.steal-s.steal)/ticks, badSteal)
	}
	share("cpu", "something waited for a CPU", part(end.pressure-s.pressure, took), badPressure)
	share("memory", "something waited for memory", part(end.memory-s.memory, took), badMemory)
	share("quota", "a CPU quota stopped this process", part(end.throttle-s.throttle, took), badThrottle)
	if bytes := (end.swapped - s.swapped) * float64(os.Getpagesize()); bytes >= badSwap {
		said[Spoiled+"swap"] = fmt.Sprintf("%.1f MB went to or from swap", bytes/1e6)
	}
	if step := end.wall.Sub(s.wall) - took; step.Abs() >= badStep {
		said[Spoiled+"clock"] = fmt.Sprintf("the wall clock was set by %s", step.Round(time.Millisecond))
	}
	return said
}

func part(of, whole time.Duration) float64 { return float64(of) / float64(whole) }

func number(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
