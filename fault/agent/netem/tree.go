// Package netem makes what a node sends worse by the kernel's own network emulator, sch_netem, on kernels that have it.
//
// A device gets a tree: a prio qdisc whose first band takes everything, and, for each link that is made worse, another band that ends in
// a netem qdisc. A filter sends packets with a firewall mark to it. The marks are given by nftables rules that match the leased sets of
// peers (package rules), so that a lease that runs out ends the effect although the tree still stands.
package netem

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// Mark is the firewall mark of packets for a band.
func Mark(band uint16) uint32 { return 0x63720000 | uint32(band) }

// Bands are those that links can have: a prio qdisc has sixteen at most, and the first is everyone else's.
const (
	firstBand = 2
	lastBand  = 16
)

// Tree is the tree of one device. Its methods may be called from many goroutines.
type Tree struct {
	mu    sync.Mutex
	conn  *netlink.Conn
	index int32
	used  map[uint16]bool
}

// Open connects to the kernel; device is an interface's index. Nothing is changed yet.
func Open(device int) (*Tree, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("open traffic control: %w", err)
	}
	return &Tree{conn: conn, index: int32(device), used: map[uint16]bool{}}, nil
}

// Device is the one interface of this network namespace beside loopback; none or several is an error.
func Device() (int, error) {
	all, err := net.Interfaces()
	if err != nil {
		return 0, err
	}
	var found []net.Interface
	for _, one := range all {
		if one.Flags&net.FlagLoopback == 0 && one.Flags&net.FlagUp != 0 {
			found = append(found, one)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d network interfaces: want one", len(found))
	}
	return found[0].Index, nil
}

// Can is empty if this kernel has all that a tree needs, or the reason why not. It makes a whole one on the namespace's loopback
// interface, which loads the kernel's modules, and takes it away.
func Can() string {
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		return err.Error()
	}
	tree, err := Open(loopback.Index)
	if err != nil {
		return err.Error()
	}
	_, err = tree.Add(wire.Shaping{DelayMicros: 1})
	if err = errors.Join(err, tree.Close()); err != nil {
		return err.Error()
	}
	return ""
}

// Add gives a link the next free band, to which packets with its Mark go.
func (t *Tree) Add(s wire.Shaping) (band uint16, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for band = firstBand; t.used[band]; band++ {
	}
	if band > lastBand {
		return 0, fmt.Errorf("netem: %d links of a node can be made worse at a time", lastBand-firstBand+1)
	}
	if len(t.used) == 0 {
		if err := t.plant(); err != nil {
			return 0, err
		}
	}
	t.used[band] = true
	err = t.ask(emulator(t.index, band, s), filter(t.index, band))
	if err != nil {
		err = errors.Join(err, t.remove(band))
	}
	return band, err
}

// plant makes the tree without links. A band's own queue is as long as the device's, and Docker makes devices with a length of 0,
// which would drop everything: so the first band gets one of its own.
func (t *Tree) plant() error {
	if err := t.ask(root(t.index), queue(t.index)); err != nil {
		return errors.Join(err, t.fell())
	}
	return nil
}

// Remove takes a link's band away, with what still waits in it; with the last one the tree.
func (t *Tree) Remove(band uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.used[band] {
		return nil
	}
	return t.remove(band)
}

func (t *Tree) remove(band uint16) error {
	delete(t.used, band)
	if len(t.used) == 0 {
		return t.fell()
	}
	return ignoreGone(t.ask(without(filter(t.index, band)), without(emulator(t.index, band, wire.Shaping{}))))
}

// fell takes the whole tree away.
func (t *Tree) fell() error {
	t.used = map[uint16]bool{}
	return ignoreGone(t.ask(without(root(t.index))))
}

// Close takes the tree away and closes the connection.
func (t *Tree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if len(t.used) > 0 {
		err = t.fell()
	}
	return errors.Join(err, t.conn.Close())
}

// ask sends requests one after the other and has each acknowledged.
func (t *Tree) ask(requests ...request) error {
	for _, q := range requests {
		message, err := q.message()
		if err == nil {
			_, err = t.conn.Execute(message)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", q.kind, err)
		}
	}
	return nil
}

// ignoreGone: what is to go and is not there is fine. The kernel says so by ENOENT, or by EINVAL of a band whose tree is gone.
func ignoreGone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}
