package netem

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// words are 32-bit numbers as the kernel has them on this machine.
func words(numbers ...uint32) (out []byte) {
	for _, number := range numbers {
		out = binary.NativeEndian.AppendUint32(out, number)
	}
	return out
}

func TestMessages(t *testing.T) {
	const added = netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Replace
	for name, c := range map[string]struct {
		q       request
		change  netlink.HeaderType
		flags   netlink.HeaderFlags
		head    []byte // struct tcmsg
		kind    string
		options []byte // the struct at the beginning of TCA_OPTIONS
	}{
		"root":       {root(7), unix.RTM_NEWQDISC, added, words(0, 7, 0x10000, 0xffffffff, 0), "prio", words(16, 0, 0, 0, 0)},
		"first band": {queue(7), unix.RTM_NEWQDISC, added, words(0, 7, 0, 0x10001, 0), "pfifo", words(10000)},
		"netem": {
			emulator(7, 5, wire.Shaping{DelayMicros: 64, JitterMicros: 32, Loss: 1, Duplicate: 0.5, Reorder: 0.25, QueuedPackets: 9}),
			unix.RTM_NEWQDISC, added, words(0, 7, 0x1050000, 0x10005, 0), "netem", words(1000, 9, 0xffffffff, 1, 0x7fffffff, 500),
		},
		"filter": {
			filter(7, 5), unix.RTM_NEWTFILTER, netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Excl,
			words(0, 7, 0x63720005, 0x10000, 1<<16|0x0300), "fw", append([]byte{8, 0, 1, 0}, words(0x10005)...),
		},
		"without filter": {
			without(filter(7, 5)), unix.RTM_DELTFILTER, netlink.Request | netlink.Acknowledge,
			words(0, 7, 0x63720005, 0x10000, 1<<16|0x0300), "fw", nil,
		},
		"without root": {without(root(7)), unix.RTM_DELQDISC, netlink.Request | netlink.Acknowledge, words(0, 7, 0x10000, 0xffffffff, 0), "prio", nil},
	} {
		message, err := c.q.message()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if message.Header.Type != c.change || message.Header.Flags != c.flags || !bytes.Equal(message.Data[:20], c.head) {
			t.Errorf("%s: %v, head %x; want %x", name, message.Header, message.Data[:20], c.head)
		}
		kind, options := attributes(t, message.Data[20:])
		if kind != c.kind || !bytes.HasPrefix(options, c.options) || (c.options == nil) != (options == nil) {
			t.Errorf("%s: kind %q, options %x; want %q, %x", name, kind, options, c.kind, c.options)
		}
	}
}

func attributes(t *testing.T, data []byte) (kind string, options []byte) {
	t.Helper()
	decoder, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		t.Fatal(err)
	}
	for decoder.Next() {
		switch decoder.Type() {
		case attrKind:
			kind = decoder.String()
		case attrOptions:
			options = decoder.Bytes()
		}
	}
	if err := decoder.Err(); err != nil {
		t.Fatal(err)
	}
	return kind, options
}

func TestJitterKeepsOrderByARate(t *testing.T) {
	for want, s := range map[uint64]wire.Shaping{
		0: {DelayMicros: 5}, unbounded: {DelayMicros: 5, JitterMicros: 5}, 7: {DelayMicros: 5, JitterMicros: 5, BytesPerSec: 7},
	} {
		if got := rateOf(s); got != want {
			t.Errorf("%+v: rate %d, want %d", s, got, want)
		}
	}
}
