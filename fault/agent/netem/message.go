package netem

import (
	"encoding/binary"
	"math"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// Of <linux/pkt_sched.h>, <linux/pkt_cls.h> and <linux/rtnetlink.h>, what package unix does not have.
const (
	attrKind, attrOptions                          = 1, 2 // TCA_KIND, TCA_OPTIONS
	netemReorder, netemRate                        = 3, 6 // TCA_NETEM_REORDER, _RATE
	netemRate64, netemLatency, netemJitter         = 8, 10, 11
	filterClass                                    = 1 // TCA_FW_CLASSID
	rootHandle                             uint32  = 1 << 16
	atRoot                                 uint32  = 0xffffffff // TC_H_ROOT
	certain                                float64 = math.MaxUint32
	ticksShift                                     = 6 // a tick of the scheduler is 64 ns (PSCHED_SHIFT)
	waiting                                uint32  = 10000
	// unbounded is a rate that takes no time: netem keeps packets in order only if it has a rate.
	unbounded uint64 = 1 << 40
)

// request is one change of traffic control.
type request struct {
	kind           string
	change         netlink.HeaderType // RTM_NEWQDISC or RTM_NEWTFILTER, or their opposites
	device         int32
	handle, parent uint32
	info           uint32
	options        []byte
	attributes     func(*netlink.AttributeEncoder)
}

// message is struct nlmsghdr, struct tcmsg, the kind, and the options: for most kinds a struct, with attributes after it.
func (q request) message() (netlink.Message, error) {
	data := make([]byte, 4, 64) // AF_UNSPEC and padding
	for _, field := range []uint32{uint32(q.device), q.handle, q.parent, q.info} {
		data = binary.NativeEndian.AppendUint32(data, field)
	}
	encoder := netlink.NewAttributeEncoder()
	encoder.String(attrKind, q.kind)
	flags := netlink.Request | netlink.Acknowledge
	if q.change == unix.RTM_NEWQDISC || q.change == unix.RTM_NEWTFILTER {
		flags |= netlink.Create | netlink.Excl
		if q.change == unix.RTM_NEWQDISC {
			flags = flags&^netlink.Excl | netlink.Replace // in place of the device's or the band's own
		}
		encoder.Do(attrOptions, func() ([]byte, error) {
			inner := netlink.NewAttributeEncoder()
			if q.attributes != nil {
				q.attributes(inner)
			}
			more, err := inner.Encode()
			return append(append([]byte(nil), q.options...), more...), err
		})
	}
	more, err := encoder.Encode()
	return netlink.Message{Header: netlink.Header{Type: q.change, Flags: flags}, Data: append(data, more...)}, err
}

// without is the request that takes away what the other makes.
func without(q request) request {
	q.change++ // RTM_DEL... follows RTM_NEW...
	return q
}

// root is the prio qdisc: struct tc_prio_qopt, all priorities to the first band.
func root(device int32) request {
	bands := binary.NativeEndian.AppendUint32(nil, lastBand)
	return request{kind: "prio", change: unix.RTM_NEWQDISC, device: device, handle: rootHandle, parent: atRoot, options: append(bands, make([]byte, 16)...)}
}

// queue is the first band's: struct tc_fifo_qopt.
func queue(device int32) request {
	return request{kind: "pfifo", change: unix.RTM_NEWQDISC, device: device, parent: rootHandle | 1, options: binary.NativeEndian.AppendUint32(nil, waiting)}
}

// filter sends marked packets of all protocols to a band.
func filter(device int32, band uint16) request {
	const everything = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // in network order
	return request{
		kind: "fw", change: unix.RTM_NEWTFILTER, device: device, handle: Mark(band), parent: rootHandle, info: 1<<16 | everything,
		attributes: func(e *netlink.AttributeEncoder) { e.Uint32(filterClass, rootHandle|uint32(band)) },
	}
}

// emulator is a band's netem qdisc: struct tc_netem_qopt, and attributes for what does not fit in it.
func emulator(device int32, band uint16, s wire.Shaping) request {
	delay, jitter := s.DelayMicros*1000, s.JitterMicros*1000
	limit := waiting
	if s.QueuedPackets > 0 {
		limit = uint32(s.QueuedPackets)
	}
	var gap uint32
	if s.Reorder > 0 {
		gap = 1
	}
	var options []byte
	for _, field := range []uint32{ticks(delay), limit, share(s.Loss), gap, share(s.Duplicate), ticks(jitter)} {
		options = binary.NativeEndian.AppendUint32(options, field)
	}
	return request{
		kind: "netem", change: unix.RTM_NEWQDISC, device: device, handle: (0x100 + uint32(band)) << 16, parent: rootHandle | uint32(band), options: options,
		attributes: func(e *netlink.AttributeEncoder) {
			e.Int64(netemLatency, delay)
			e.Int64(netemJitter, jitter)
			if s.Reorder > 0 {
				e.Bytes(netemReorder, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, share(s.Reorder)), 0))
			}
			if rate := rateOf(s); rate > 0 { // struct tc_netem_rate, whose own field has 32 bits only
				e.Uint64(netemRate64, rate)
				e.Bytes(netemRate, append(binary.NativeEndian.AppendUint32(nil, uint32(min(rate, math.MaxUint32))), make([]byte, 12)...))
			}
		},
	}
}

func rateOf(s wire.Shaping) uint64 {
	if s.BytesPerSec == 0 && s.JitterMicros > 0 {
		return unbounded
	}
	return uint64(s.BytesPerSec)
}

// share is a probability as netem has it.
func share(of float64) uint32 { return uint32(of * certain) }

func ticks(nanos int64) uint32 { return uint32(min(nanos>>ticksShift, math.MaxUint32)) }
