package netem

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// emulated is a network namespace of its own whose loopback interface can be made worse. It needs root and a kernel with sch_netem.
func emulated(t *testing.T) *Tree {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root for a network namespace of its own")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test's goroutine and takes the namespace along
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("network namespace: %v", err)
	}
	raise(t)
	if why := Can(); why != "" {
		t.Skip(why)
	}
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Open(loopback.Index)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree
}

func raise(t *testing.T) {
	t.Helper()
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint32(0) // as Docker makes its devices
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFTXQLEN, request); err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatal(err)
	}
}

// arrival is a datagram that came, and how long after all were sent off.
type arrival struct {
	number uint32
	after  time.Duration
}

// volley sends numbered datagrams with a mark to ourselves, and gives those that came until none came for a while.
func volley(t *testing.T, mark uint32, count, size int) []arrival {
	t.Helper()
	taker, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taker.Close()
	raw, err := taker.SyscallConn()
	if err == nil {
		err = option(raw, unix.SO_RCVBUFFORCE, 8<<20) // all of them may wait until they are read
	}
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error { return option(raw, unix.SO_MARK, int(mark)) }}
	sender, err := dialer.DialContext(context.Background(), "udp4", taker.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	began := time.Now()
	for number := range count {
		text := binary.BigEndian.AppendUint32(make([]byte, 0, size), uint32(number))
		if _, err := sender.Write(text[:max(size, len(text))]); err != nil {
			t.Fatal(err)
		}
	}
	var came []arrival
	buffer := make([]byte, 2048)
	for {
		wait := time.Second
		if distinct(came) == count { // doubles come at once
			wait /= 5
		}
		_ = taker.SetReadDeadline(time.Now().Add(wait))
		if _, err := taker.Read(buffer); err != nil {
			return came
		}
		came = append(came, arrival{binary.BigEndian.Uint32(buffer), time.Since(began)})
	}
}

// option sets an option of a socket.
func option(raw syscall.RawConn, name, value int) error {
	var set error
	err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, name, value) })
	return errors.Join(err, set)
}

// late is how many came after one that was sent later.
func late(came []arrival) (n int) {
	var highest uint32
	for _, one := range came {
		if one.number < highest {
			n++
		}
		highest = max(highest, one.number)
	}
	return n
}

func distinct(came []arrival) int {
	numbers := map[uint32]bool{}
	for _, one := range came {
		numbers[one.number] = true
	}
	return len(numbers)
}

func TestWhatTheKernelMakesOfIt(t *testing.T) {
	tree := emulated(t)
	const count = 500
	share := func(n int, want float64) bool { // within five standard deviations
		return math.Abs(float64(n)/count-want) <= 5*math.Sqrt(want*(1-want)/count)
	}
	for name, c := range map[string]struct {
		s    wire.Shaping
		size int
		ok   func(came []arrival) bool
	}{
		"delay": {wire.Shaping{DelayMicros: 200_000}, 4, func(came []arrival) bool {
			return len(came) == count && came[0].after >= 200*time.Millisecond && late(came) == 0
		}},
		"jitter": {wire.Shaping{DelayMicros: 100_000, JitterMicros: 100_000}, 4, func(came []arrival) bool {
			return len(came) == count && late(came) == 0 && came[count-1].after >= 100*time.Millisecond
		}},
		"loss":      {wire.Shaping{Loss: 0.3}, 4, func(came []arrival) bool { return share(len(came), 0.7) }},
		"duplicate": {wire.Shaping{Duplicate: 0.3}, 4, func(came []arrival) bool { return distinct(came) == count && share(len(came)-count, 0.3) }},
		"reorder": {wire.Shaping{DelayMicros: 200_000, Reorder: 0.3}, 4, func(came []arrival) bool {
			return len(came) == count && came[count-1].after >= 200*time.Millisecond && late(came) > count/10
		}},
		"rate": {wire.Shaping{BytesPerSec: 500_000}, 1000, func(came []arrival) bool {
			return len(came) == count && came[count-1].after >= 800*time.Millisecond && late(came) == 0
		}},
	} {
		band, err := tree.Add(c.s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if came := volley(t, Mark(band), count, c.size); !c.ok(came) {
			t.Errorf("%s: %d came, %d of them different, %d late, first and last %v", name, len(came), distinct(came), late(came), ends(came))
		}
		if came := volley(t, 0, count, 4); len(came) != count || late(came) != 0 || (c.s.DelayMicros > 0 && late(came) != 0) {
			t.Errorf("%s, without the mark: %d came, %d late, first and last %v", name, len(came), late(came), ends(came))
		}
		if err := tree.Remove(band); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if came := volley(t, Mark(band), count, 4); len(came) != count || late(came) != 0 {
			t.Errorf("%s, taken away: %d came, %d late", name, len(came), late(came))
		}
	}
}

func ends(came []arrival) [2]time.Duration {
	if len(came) == 0 {
		return [2]time.Duration{}
	}
	return [2]time.Duration{came[0].after, came[len(came)-1].after}
}

func TestLinksBesideEachOther(t *testing.T) {
	tree := emulated(t)
	var bands []uint16
	for range lastBand - firstBand + 1 {
		band, err := tree.Add(wire.Shaping{Loss: 1})
		if err != nil {
			t.Fatal(err)
		}
		bands = append(bands, band)
	}
	if _, err := tree.Add(wire.Shaping{Loss: 1}); err == nil {
		t.Error("there is no band left, and one was given")
	}
	freed := bands[3]
	for range 2 { // the second time it is gone already
		if err := tree.Remove(freed); err != nil {
			t.Fatal(err)
		}
	}
	for _, band := range bands {
		want := 0
		if band == freed {
			want = 10
		}
		if came := volley(t, Mark(band), 10, 4); len(came) != want {
			t.Errorf("band %d: %d came, want %d", band, len(came), want)
		}
	}
	if band, err := tree.Add(wire.Shaping{}); err != nil || band != freed {
		t.Errorf("band %d, %v; want %d again", band, err, freed)
	}
}
