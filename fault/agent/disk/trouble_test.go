package disk

import (
	"testing"
	"time"
)

func TestBrokenParts(t *testing.T) {
	disk := newTrouble()
	disk.shatter([]extent{{Start: 8192, Length: 4096}, {Start: 65536, Length: 8192}})
	for _, test := range []struct {
		at     int64
		length int
		want   bool
	}{
		{0, 8192, true},
		{0, 8193, false},
		{8192, 1, false},
		{12287, 4096, false},
		{12288, 4096, true},
		{60000, 20000, false},
	} {
		if got := disk.pass(t.Context(), test.at, test.length); got != test.want {
			t.Errorf("%d bytes from %d on: %v", test.length, test.at, got)
		}
	}
	if refused := disk.counted().Refused; refused != 4 {
		t.Errorf("%d refused", refused)
	}
	disk.shatter(nil)
	if !disk.pass(t.Context(), 8192, 1) {
		t.Error("still broken")
	}
}

func TestSlowness(t *testing.T) {
	disk := newTrouble()
	disk.slowDown(slowness{Sync: 30 * time.Millisecond, Rate: 1_000_000})
	began := time.Now()
	disk.flush(t.Context())
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("a flush took %s", took)
	}
	began = time.Now()
	for range 4 {
		disk.pass(t.Context(), 0, 10_000)
	}
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("40 kB took %s", took)
	}
	if delayed := disk.counted().Delayed; delayed != 5 {
		t.Errorf("%d delayed", delayed)
	}
}

func TestWaitingEndsWithTheSlowness(t *testing.T) {
	disk := newTrouble()
	disk.slowDown(slowness{Sync: time.Hour})
	flushed := make(chan struct{})
	go func() { disk.flush(t.Context()); close(flushed) }()
	for disk.counted().Delayed == 0 {
		time.Sleep(time.Millisecond) //nolint:forbidigo // the goroutine's start cannot be waited for
	}
	disk.slowDown(slowness{})
	select {
	case <-flushed:
	case <-time.After(10 * time.Second):
		t.Error("it waits on")
	}
}
