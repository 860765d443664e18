package vdso

import (
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
)

// executable puts the machine code and its three entries where they can be called.
func executable(t *testing.T, s shift.Shift) (functions [3]uintptr) {
	t.Helper()
	const at = 64
	code, err := stub(s)
	if err != nil {
		t.Fatal(err)
	}
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Skip("no memory that can be executed: ", err)
	}
	t.Cleanup(func() { _ = unix.Munmap(page) })
	for kind := range functions {
		copy(page[8*kind:], entry(kind, uint64(8*kind), at, make([]byte, 8)))
		functions[kind] = uintptr(unsafe.Pointer(&page[8*kind]))
	}
	copy(page[at:], code)
	return functions
}

func TestMachineCodeAddsWhatTheShiftSays(t *testing.T) {
	now, hour := time.Now().UnixNano(), int64(time.Hour)
	for name, s := range map[string]shift.Shift{
		"nothing":         {Anchor: now, Phase: shift.Never},
		"ahead":           {Anchor: now, Offset: hour + 1, Phase: shift.Never},
		"behind":          {Anchor: now, Offset: -hour - 1, Phase: shift.Never},
		"fast, for long":  {Anchor: now - 1000*hour, Rate: shift.FastestRate, Phase: shift.Never},
		"slow, for long":  {Anchor: now - 1000*hour, Rate: shift.SlowestRate, Phase: shift.Never},
		"phase on":        {Anchor: now - 4*hour - hour/2, Offset: hour, Phase: hour},
		"phase off":       {Anchor: now - 5*hour - hour/2, Offset: hour, Phase: hour},
		"all of it":       {Anchor: now - 4*hour - hour/2, Offset: -hour, Rate: 123_456_789, Phase: hour},
		"from the future": {Anchor: now + hour, Offset: hour, Rate: -500_000_000, Phase: shift.Never},
	} {
		functions := executable(t, s)
		var spec unix.Timespec
		var val unix.Timeval
		var sec int64
		// Each returns its result with what it is exact to, and whether it said that all went well.
		for function, ask := range map[string]func() (said, unit int64, ok bool){
			"clock_gettime": func() (int64, int64, bool) {
				ok := call(functions[0], unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&spec))) == 0
				return spec.Nano(), 1, ok
			},
			"coarse": func() (int64, int64, bool) { // of the last tick of the kernel's timer, which may be 10 ms ago
				ok := call(functions[0], unix.CLOCK_REALTIME_COARSE, uintptr(unsafe.Pointer(&spec))) == 0
				return spec.Nano(), int64(20 * time.Millisecond), ok
			},
			"gettimeofday": func() (int64, int64, bool) {
				ok := call(functions[1], uintptr(unsafe.Pointer(&val)), 0) == 0
				return val.Nano(), 1000, ok
			},
			"time": func() (int64, int64, bool) {
				returned := call(functions[2], uintptr(unsafe.Pointer(&sec)), 0)
				return sec * 1e9, 1e9, int64(returned) == sec && call(functions[2], 0, 0)-returned <= 1
			},
		} {
			before := time.Now().UnixNano()
			said, unit, ok := ask()
			after := time.Now().UnixNano()
			// Cut off before the shift is added, and after it.
			if low, high := before-unit+s.At(before-unit)-unit, after+s.At(after); !ok || said < low || said > high {
				t.Errorf("%s of %s: %d, %v; want %d to %d", function, name, said, ok, low, high)
			}
		}
	}
}

func TestMachineCodeLeavesTheRestAlone(t *testing.T) {
	functions := executable(t, shift.Shift{Anchor: 1, Offset: int64(time.Hour), Phase: shift.Never})
	for _, clock := range []uintptr{unix.CLOCK_MONOTONIC, unix.CLOCK_BOOTTIME, unix.CLOCK_PROCESS_CPUTIME_ID} {
		var before, said, after unix.Timespec
		_ = unix.ClockGettime(int32(clock), &before)
		result := call(functions[0], clock, uintptr(unsafe.Pointer(&said)))
		_ = unix.ClockGettime(int32(clock), &after)
		if result != 0 || said.Nano() < before.Nano() || said.Nano() > after.Nano() {
			t.Errorf("clock %d: %d, %d; want %d to %d", clock, int32(result), said.Nano(), before.Nano(), after.Nano())
		}
	}
	if result := int32(call(functions[0], unix.CLOCK_REALTIME, 0)); result != -int32(unix.EFAULT) {
		t.Errorf("clock_gettime to nowhere: %d", result)
	}
	if result := int32(call(functions[0], 99, 0)); result != -int32(unix.EINVAL) {
		t.Errorf("clock_gettime of a clock that is none: %d", result)
	}
	if result := int32(call(functions[1], 0, 0)); result != 0 {
		t.Errorf("gettimeofday to nowhere: %d", result)
	}
}
