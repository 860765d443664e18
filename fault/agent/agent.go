package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/agent/rules"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
	"github.com/pgcrucible/pgcrucible/fault/clock/vdso"
)

// agent carries out requests.
type agent struct {
	table  *rules.Table
	socket net.PacketConn

	mu       sync.Mutex
	exempted map[netip.Addr]bool
	heard    map[string]*arrival
	order    []string // nonces, oldest first: heard is bounded
}

// arrival is what has come of one nonce.
type arrival struct {
	wire.Arrivals
	from string
}

// rememberNonces bounds what a stranger's datagrams can make the agent remember.
const rememberNonces = 4096

func (a *agent) handle(ctx context.Context, peer netip.Addr, request wire.Request, reply *wire.Reply) (time.Time, error) {
	switch request.Do {
	case wire.Ping:
		reply.From = peer.String()
		return time.Time{}, nil
	case wire.Apply:
		if err := a.exempt(peer); err != nil {
			return time.Time{}, err
		}
		return a.table.Apply(context.WithoutCancel(ctx), request.Rules)
	case wire.Renew:
		lapsed, err := a.table.Renew(request.IDs, time.Duration(request.LeaseMillis)*time.Millisecond)
		reply.Lapsed = lapsed
		return time.Time{}, err
	case wire.Remove:
		return a.table.Remove(request.IDs)
	case wire.Clear:
		return time.Time{}, a.clear()
	case wire.State:
		states, err := a.table.State()
		reply.Rules = states
		return time.Time{}, err
	case wire.Send:
		return time.Time{}, a.send(request, reply)
	case wire.Heard:
		a.mu.Lock()
		defer a.mu.Unlock()
		if heard := a.heard[request.Nonce]; heard != nil {
			reply.Heard, reply.Late, reply.From = heard.Count, heard.Late, heard.from
		}
		return time.Time{}, nil
	case wire.Dial:
		reply.Outcome = dial(ctx, request)
		return time.Time{}, nil
	case wire.Probe:
		reply.Can = a.table.Can()
		reply.Can["vdso"] = vdso.Can()
		return time.Time{}, nil
	}
	return time.Time{}, fmt.Errorf("verb %q is not built", request.Do)
}

// exempt keeps the asker's own control connection alive under any rule.
func (a *agent) exempt(peer netip.Addr) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.exempted[peer] {
		return nil
	}
	if err := a.table.Exempt(peer); err != nil {
		return err
	}
	if a.exempted == nil {
		a.exempted = map[netip.Addr]bool{}
	}
	a.exempted[peer] = true
	return nil
}

func (a *agent) clear() error {
	a.mu.Lock()
	a.exempted = nil
	a.mu.Unlock()
	return a.table.Clear()
}

// send sends datagrams from the agent's own port. A rule that drops outgoing packets shows as an error of the last one.
func (a *agent) send(request wire.Request, reply *wire.Reply) error {
	to, err := netip.ParseAddrPort(request.To)
	if err != nil {
		return err
	}
	reply.Outcome = "sent"
	for number := range request.Count {
		text := wire.Datagram(request.Nonce, number, request.Size)
		if _, err := a.socket.WriteTo(text, net.UDPAddrFromAddrPort(to)); err != nil {
			reply.Outcome = err.Error()
		}
	}
	return nil
}

// listen counts datagrams by their content.
func (a *agent) listen(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = a.socket.Close() })
	defer stop()
	buffer := make([]byte, 2048)
	for {
		n, from, err := a.socket.ReadFrom(buffer)
		if ctx.Err() != nil {
			return
		}
		if nonce, number, ok := wire.ReadDatagram(buffer[:n]); err == nil && ok {
			a.count(nonce, number, from.String())
		}
	}
}

func (a *agent) count(nonce string, number int, from string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.heard[nonce]
	if seen == nil {
		seen = &arrival{}
		a.heard[nonce] = seen
		a.order = append(a.order, nonce)
	}
	if len(a.order) > rememberNonces {
		delete(a.heard, a.order[0])
		a.order = a.order[1:]
	}
	seen.Add(number)
	seen.from = from
}

// dial tries a connection, and, if there is something to say, whether anything is answered.
func dial(ctx context.Context, request wire.Request) string {
	wait := time.Duration(request.WaitMillis) * time.Millisecond
	dialer := net.Dialer{Timeout: wait}
	conn, err := dialer.DialContext(ctx, "tcp", request.To)
	if err != nil {
		return dialOutcome(err)
	}
	defer conn.Close()
	if request.Say == "" {
		return "connected"
	}
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return err.Error()
	}
	if _, err := conn.Write([]byte(request.Say)); err != nil {
		return err.Error()
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return "silent"
	}
	return "answered"
}
