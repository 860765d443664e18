package conditions

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// machine is a kernel's files with what a test wants in them.
func machine(load string, steal, pressureMS, memoryMS, throttledMS, swapped int) fstest.MapFS {
	file := func(format string, args ...any) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, format, args...)}
	}
	return fstest.MapFS{
		"proc/loadavg":           file("%s 1.00 1.00 1/200 4711\n", load),
		"proc/stat":              file("cpu  %d 0 500 3000 0 0 0 %d 0 0\ncpu0 1 2 3\n", 1000, steal),
		"proc/pressure/cpu":      file("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9999999\n", pressureMS*1000),
		"proc/pressure/memory":   file("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n", memoryMS*1000),
		"proc/vmstat":            file("pswpin %d\npswpout 0\nnr_free_pages 12\n", swapped),
		"sys/fs/cgroup/cpu.stat": file("usage_usec 1\nnr_throttled 1\nthrottled_usec %d\n", throttledMS*1000+1),
	}
}

func TestEachConditionIsSeen(t *testing.T) {
	began := time.Now()
	quiet := machine("0.40", 0, 0, 0, 0, 0)
	for name, c := range map[string]struct {
		before, after fstest.MapFS
		want          string
	}{
		"quiet":    {quiet, machine("1.90", 0, 2000, 10, 20, 10), ""},
		"load":     {machine("3.10", 0, 0, 0, 0, 0), quiet, "3.10 running or waiting on 2 CPUs"},
		"steal":    {quiet, machine("0.40", 500, 0, 0, 0, 0), "a hypervisor took CPU time"},
		"cpu":      {quiet, machine("0.40", 0, 7000, 0, 0, 0), "something waited for a CPU for 70.0 %"},
		"memory":   {quiet, machine("0.40", 0, 0, 500, 0, 0), "something waited for memory for 5.0 %"},
		"quota":    {quiet, machine("0.40", 0, 0, 0, 900, 0), "a CPU quota stopped this process for 9.0 %"},
		"swap":     {quiet, machine("0.40", 0, 0, 0, 0, 2000), "went to or from swap"},
		"no files": {fstest.MapFS{}, fstest.MapFS{}, ""},
	} {
		said := take(c.before, began, 2).Until(take(c.after, began.Add(10*time.Second), 2))
		var spoiled []string
		for k, v := range said {
			if strings.HasPrefix(k, Spoiled) {
				spoiled = append(spoiled, k+"="+v)
			}
		}
		switch {
		case c.want == "" && len(spoiled) > 0:
			t.Errorf("%s: %v", name, spoiled)
		case c.want != "" && (len(spoiled) != 1 || !strings.HasPrefix(spoiled[0], Spoiled+name+"=") || !strings.Contains(spoiled[0], c.want)):
			t.Errorf("%s: %v, want %q", name, spoiled, c.want)
		}
	}
}

func TestClockStep(t *testing.T) {
	quiet := machine("0.40", 0, 0, 0, 0, 0)
	for step, want := range map[time.Duration]string{
		0: "", 20 * time.Millisecond: "", 3 * time.Second: "the wall clock was set by 3s", -time.Hour: "the wall clock was set by -1h0m0s",
	} {
		began := time.Now()
		before, after := take(quiet, began, 2), take(quiet, began.Add(10*time.Second), 2)
		after.wall = after.wall.Add(step)
		if got := before.Until(after)[Spoiled+"clock"]; got != want {
			t.Errorf("a step of %s: %q, want %q", step, got, want)
		}
	}
}

func TestThrottlingOfTheFirstCgroups(t *testing.T) {
	root := fstest.MapFS{"sys/fs/cgroup/cpu/cpu.stat": {Data: []byte("nr_periods 5\nnr_throttled 2\nthrottled_time 1500000000\n")}}
	if got := throttled(root); got != 1500*time.Millisecond {
		t.Errorf("%s", got)
	}
}

// What cannot be read must not be made up, whatever the text.
func FuzzTake(f *testing.F) {
	f.Add("0.4 1 1", "cpu 1 2 3 4 5 6 7 8", "some avg10=0 total=12", "throttled_usec 3")
	f.Fuzz(func(t *testing.T, load, stat, pressure, cgroup string) {
		root := fstest.MapFS{
			"proc/loadavg": {Data: []byte(load)}, "proc/stat": {Data: []byte(stat)}, "proc/pressure/cpu": {Data: []byte(pressure)},
			"sys/fs/cgroup/cpu.stat": {Data: []byte(cgroup)},
		}
		now := time.Now()
		s := take(root, now, 2)
		for k, v := range s.Until(take(root, now.Add(time.Second), 2)) {
			if strings.HasPrefix(k, Spoiled) && !strings.HasPrefix(k, Spoiled+"load") {
				t.Errorf("nothing changed, and yet %s: %s", k, v)
			}
		}
	})
}

func TestThisMachine(t *testing.T) {
	before := Take()
	if before.ticks == 0 && before.load >= 0 {
		t.Error("/proc/loadavg can be read and /proc/stat cannot")
	}
	if _, spoiled := before.Until(Take())[Spoiled+"clock"]; spoiled {
		t.Error("the clock was set between two reads")
	}
}
