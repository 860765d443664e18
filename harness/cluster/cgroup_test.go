package cluster

import (
	"strings"
	"testing"
	"time"
)

const firstVersion = `cpu.stat nr_periods 12
cpu.stat nr_throttled 7
cpu.stat throttled_time 681002311
cpu.cfs_quota_us 5000
cpu.cfs_period_us 100000
cpuacct.usage 1500000000
memory.usage_in_bytes 104857600
memory.limit_in_bytes 9223372036854771712
memory.failcnt 3
memory.oom_control oom_kill_disable 0
memory.oom_control under_oom 0
memory.oom_control oom_kill 2
memory.stat shmem 1
memory.stat total_shmem 20971520
memory.stat total_inactive_file 1000
memory.stat total_active_file 234
`

const secondVersion = `cpu.stat usage_usec 1500000
cpu.stat nr_throttled 7
cpu.max 5000 100000
memory.current 104857600
memory.max max
memory.events low 0
memory.events max 3
memory.events oom 2
memory.events oom_kill 2
memory.stat shmem 20971520
memory.stat inactive_file 1000
memory.stat active_file 234
`

func TestParseUsage(t *testing.T) {
	want := Usage{
		CPU: 1500 * time.Millisecond, Quota: 5 * time.Millisecond, Period: 100 * time.Millisecond, Throttled: 7,
		Memory: 100 << 20, PageCache: 1234, Shared: 20 << 20, LimitHits: 3, OOMKills: 2,
	}
	for version, text := range map[int]string{1: firstVersion, 2: secondVersion} {
		want.Version = version
		if got, err := parseUsage(text); err != nil || got != want {
			t.Errorf("version %d: %+v, %v; want %+v", version, got, err, want)
		}
	}
}

func TestParseUsageOfLimits(t *testing.T) {
	for name, text := range map[string]string{
		"first":  strings.Replace(strings.Replace(firstVersion, "9223372036854771712", "67108864", 1), "quota_us 5000", "quota_us -1", 1),
		"second": strings.Replace(strings.Replace(secondVersion, "memory.max max", "memory.max 67108864", 1), "cpu.max 5000", "cpu.max max", 1),
	} {
		if got, err := parseUsage(text); err != nil || got.MemoryLimit != 64<<20 || got.Quota != 0 || got.Period != 100*time.Millisecond {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestWhatStandsForNoLimitIsNone(t *testing.T) {
	for _, text := range []string{
		strings.Replace(firstVersion, "9223372036854771712", "4611686018427387904", 1),
		strings.Replace(secondVersion, "memory.max max", "memory.max 4611686018427387904", 1),
	} {
		if got, err := parseUsage(text); err != nil || got.MemoryLimit != 0 {
			t.Errorf("version %d: %d, %v", got.Version, got.MemoryLimit, err)
		}
	}
	if bytes(-1) != 0 || bytes(unlimitedMemory) != 0 || bytes(unlimitedSwap) != 0 || bytes(64<<20) != 64<<20 {
		t.Error("the engine's numbers")
	}
}

func TestParseUsageNamesWhatIsMissing(t *testing.T) {
	for missing, text := range map[string]string{
		"memory.oom_control oom_kill": strings.Replace(firstVersion, "memory.oom_control oom_kill 2\n", "", 1),
		"memory.events oom_kill":      strings.Replace(secondVersion, "memory.events oom_kill 2\n", "", 1),
		"cpuacct.usage":               "",
		"memory.current":              strings.Replace(secondVersion, "104857600", "lots", 1),
		"cpu.max":                     strings.Replace(secondVersion, "cpu.max 5000 100000\n", "", 1),
	} {
		if _, err := parseUsage(text); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%v; want it to name %s", err, missing)
		}
	}
}
