package shape

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// Mark is the firewall mark of packets that a queue sends a second time: they must not be queued again.
const Mark = 0x63726369

const (
	defaultQueued = 10000 // packets that may wait
	headerBytes   = 128   // of each packet that the kernel copies to us: all that is looked at is its length
	socketBytes   = 8 << 20
	flagGSO       = 4 // NFQA_CFG_F_GSO: large packets come as one, as the sender made them
)

// Queue is one NFQUEUE and the link that its packets take.
type Queue struct {
	nf     *nfqueue.Nfqueue
	raw    net.PacketConn // sends the second copies; nil if there are none to send
	stop   context.CancelFunc
	done   chan struct{}
	wake   chan struct{}
	limit  int
	copies bool

	mu      sync.Mutex
	link    *link
	waiting packets
	counts  map[string]uint64
	err     error
}

// Open takes a queue number, which no other process may have in this network namespace.
func Open(ctx context.Context, number uint16, s wire.Shaping) (*Queue, error) {
	q := &Queue{
		link: newLink(s), limit: s.QueuedPackets, copies: s.Duplicate > 0, counts: map[string]uint64{},
		done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	if q.limit == 0 {
		q.limit = defaultQueued
	}
	config := nfqueue.Config{
		NfQueue: number, MaxQueueLen: uint32(q.limit), MaxPacketLen: headerBytes, Copymode: nfqueue.NfQnlCopyPacket,
		Flags: flagGSO, AfFamily: unix.AF_INET,
	}
	if q.copies { // whole packets, each small enough to be sent again
		config.MaxPacketLen, config.Flags = 0xffff, 0
		raw, err := rawSocket()
		if err != nil {
			return nil, err
		}
		q.raw = raw
	}
	var err error
	if q.nf, err = nfqueue.Open(&config); err != nil {
		q.closeRaw()
		return nil, fmt.Errorf("open queue %d: %w", number, err)
	}
	if err := q.nf.Con.SetReadBuffer(socketBytes); err != nil {
		q.closeRaw()
		return nil, errors.Join(fmt.Errorf("buffer of queue %d: %w", number, err), q.nf.Close())
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // it lasts until Close
	q.stop = stop
	if err := q.nf.RegisterWithErrorFunc(ctx, q.arrive, q.complain); err != nil {
		stop()
		q.closeRaw()
		return nil, fmt.Errorf("listen to queue %d: %w", number, err)
	}
	go q.release(ctx)
	return q, nil
}

// arrive is called for each packet, one at a time.
func (q *Queue) arrive(a nfqueue.Attribute) int {
	if a.PacketID == nil {
		return 0
	}
	now := time.Now()
	q.mu.Lock()
	f := q.link.next(now, size(a))
	full := len(q.waiting) >= q.limit
	q.counts["queued"]++
	switch {
	case f.lost || full:
		q.counts["lost"]++
	case f.twice:
		q.counts["twice"]++
	}
	if f.overtook {
		q.counts["overtook"]++
	}
	if !f.lost && !full && f.leaves.After(now) {
		q.counts["delayed"]++
		heap.Push(&q.waiting, packet{id: *a.PacketID, at: f.leaves, order: q.counts["queued"], copied: q.copy(f, a)})
		q.mu.Unlock()
		q.nudge()
		return 0
	}
	q.mu.Unlock()
	if f.lost || full {
		q.verdict(*a.PacketID, nfqueue.NfDrop)
		return 0
	}
	q.leave(packet{id: *a.PacketID, copied: q.copy(f, a)})
	return 0
}

// copy is what is sent a second time.
func (q *Queue) copy(f fate, a nfqueue.Attribute) []byte {
	if !f.twice || a.Payload == nil {
		return nil
	}
	return append([]byte(nil), *a.Payload...)
}

// size is the length of the packet, as its IPv4 header or the kernel says.
func size(a nfqueue.Attribute) int {
	if a.CapLen != nil {
		return int(*a.CapLen)
	}
	if a.Payload == nil {
		return 0
	}
	if p := *a.Payload; len(p) >= 20 && p[0]>>4 == 4 {
		if total := int(p[2])<<8 | int(p[3]); total > 0 {
			return total
		}
	}
	return len(*a.Payload)
}

// release lets packets go when their time comes, until ctx ends; then all of them go.
func (q *Queue) release(ctx context.Context) {
	defer close(q.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, next := q.due(time.Now())
		for _, p := range due {
			q.leave(p)
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// due are the packets whose time has come, and how long it is to the next.
func (q *Queue) due(now time.Time) (due []packet, next time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 && !q.waiting[0].at.After(now) {
		due = append(due, heap.Pop(&q.waiting).(packet))
	}
	if len(q.waiting) == 0 {
		return due, time.Hour
	}
	return due, q.waiting[0].at.Sub(now)
}

func (q *Queue) leave(p packet) {
	q.verdict(p.id, nfqueue.NfAccept)
	if p.copied != nil && q.raw != nil {
		if err := q.sendAgain(p.copied); err != nil {
			q.complain(err)
		}
	}
}

func (q *Queue) verdict(id uint32, verdict int) {
	if err := q.nf.SetVerdict(id, verdict); err != nil {
		q.complain(err)
	}
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// complain keeps the first error; listening goes on.
func (q *Queue) complain(err error) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	return 0
}

// Counts are how many packets came, were delayed, lost, sent twice, or overtook others.
func (q *Queue) Counts() map[string]uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	counts := map[string]uint64{}
	for name, n := range q.counts {
		counts[name] = n
	}
	return counts
}

// Close gives the queue back. Packets that still wait are let go first. Take the rule away before, so that no more come.
func (q *Queue) Close() error {
	q.stop()
	<-q.done
	due, _ := q.due(time.Now().Add(24 * time.Hour))
	for _, p := range due {
		q.leave(p)
	}
	err := q.nf.Close()
	q.closeRaw()
	return err
}

func (q *Queue) closeRaw() {
	if q.raw != nil {
		_ = q.raw.Close()
	}
}
