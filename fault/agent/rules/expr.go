package rules

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

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
func expressions(e *entry) ([]expr.Any, error) {
	var exprs []expr.Any
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
	}
	return nil, fmt.Errorf("action %s is not built", e.rule.Action)
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
