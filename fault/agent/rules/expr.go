package rules

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/netem"
	"github.com/pgcrucible/pgcrucible/fault/agent/shape"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// newEntry plans the set of a rule: its peers' addresses, or, if it is for everyone, the protocol families IPv4 and IPv6.
func newEntry(table *nftables.Table, rule wire.Rule) *entry {
	e := &entry{rule: rule, set: &nftables.Set{Table: table, Name: "peers-" + rule.ID, HasTimeout: true}}
	if len(rule.Peers) == 0 {
		e.set.KeyType = nftables.SetDatatype{Name: "nf_proto", Bytes: 1}
		e.keys = [][]byte{{unix.NFPROTO_IPV4}, {unix.NFPROTO_IPV6}}
		return e
	}
	e.set.KeyType = nftables.TypeIPAddr
	for _, peer := range rule.Peers {
		if addr, err := netip.ParseAddr(peer); err == nil { // wire has checked it
			e.keys = append(e.keys, addr.AsSlice())
		}
	}
	return e
}

func (e *entry) elements(lease time.Duration) []nftables.SetElement {
	elements := make([]nftables.SetElement, len(e.keys))
	for i, key := range e.keys {
		elements[i] = nftables.SetElement{Key: key, Timeout: lease}
	}
	return elements
}

// expressions are the rule in the kernel's terms: match, count, act.
func (t *Table) expressions(e *entry) ([]expr.Any, error) {
	var exprs []expr.Any
	if e.rule.Action == wire.Shape { // not what a queue sends a second time
		exprs = append(exprs,
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(shape.Mark)})
	}
	if e.rule.Data {
		exprs = append(exprs, carriesData()...)
	}
	if e.rule.Port != 0 {
		exprs = append(exprs, tcpPort(e.rule.Direction, e.rule.Port)...)
	}
	if e.rule.Action == wire.Reset && e.rule.Port == 0 {
		exprs = append(exprs, isTCP()...)
	}
	if len(e.rule.Peers) > 0 {
		exprs = append(exprs, peerIn(e.rule.Direction, e.set)...)
	} else {
		exprs = append(exprs,
			&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
			&expr.Lookup{SourceRegister: 1, SetName: e.set.Name, SetID: e.set.ID})
	}
	exprs = append(exprs, &expr.Counter{})
	switch e.rule.Action {
	case wire.Drop:
		return append(exprs, &expr.Verdict{Kind: expr.VerdictDrop}), nil
	case wire.Reset:
		return append(exprs, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}), nil
	case wire.Shape:
		if e.band != 0 {
			return append(exprs, giveMark(netem.Mark(e.band))...), nil
		}
		if t.native {
			return append(exprs, nativeQueue(e.number)), nil
		}
		return append(exprs, xtQueue(e.number)), nil
	}
	return nil, fmt.Errorf("action %s is not built", e.rule.Action)
}

// giveMark has the filter of a netem band find the packet.
func giveMark(mark uint32) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(mark)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
	}
}

// nativeQueue is nftables' own expression (CONFIG_NFT_QUEUE).
func nativeQueue(number uint16) expr.Any {
	return &expr.Queue{Num: number, Total: 1, Flag: expr.QueueFlagBypass}
}

// xtQueue is the x_tables target NFQUEUE through nftables' compatibility expression, for kernels without nft_queue: struct
// xt_NFQ_info_v3 of <linux/netfilter/xt_NFQUEUE.h>, padded to 8 bytes.
func xtQueue(number uint16) expr.Any {
	const bypass = 1 // NFQ_FLAG_BYPASS
	var info []byte
	for _, field := range []uint16{number, 1, bypass, 0} {
		info = append(info, binaryutil.NativeEndian.PutUint16(field)...)
	}
	unknown := xt.Unknown(info)
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &unknown}
}

// carriesData matches TCP segments with the flag PSH, which the last segment of whatever an application writes has; the
// handshake and bare acknowledgements have not.
func carriesData() []expr.Any {
	const psh = 0x08
	return append(isTCP(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{psh}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0}})
}

func counted(rule *nftables.Rule) (packets, bytes uint64) {
	for _, e := range rule.Exprs {
		if counter, ok := e.(*expr.Counter); ok {
			return counter.Packets, counter.Bytes
		}
	}
	return 0, 0
}

func ifaceIsLoopback(direction wire.Direction) []expr.Any {
	key := expr.MetaKeyIIFTYPE
	if direction == wire.Out {
		key = expr.MetaKeyOIFTYPE
	}
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint16(unix.ARPHRD_LOOPBACK)},
	}
}

func isTCP() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
	}
}

// tcpPort matches TCP whose port on the node's side is port.
func tcpPort(direction wire.Direction, port uint16) []expr.Any {
	offset := uint32(2) // destination
	if direction == wire.Out {
		offset = 0 // source
	}
	return append(isTCP(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)})
}

// peerIn matches IPv4 packets whose other end is in the set.
func peerIn(direction wire.Direction, set *nftables.Set) []expr.Any {
	offset := uint32(12) // source address
	if direction == wire.Out {
		offset = 16 // destination address
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
	}
}
