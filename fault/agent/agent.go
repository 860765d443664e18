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
)

// agent carries out requests.
type agent struct {
	table  *rules.Table
	socket net.PacketConn

	mu       sync.Mutex
	exempted map[netip.Addr]bool
	heard    map[string]arrival
	order    []string // nonces, oldest first: heard is bounded
}

// arrival is what has come of one nonce.
type arrival struct {
	count int
	from  string
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
		return a.table.Apply(request.Rules)
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
		reply.Heard, reply.From = a.heard[request.Nonce].count, a.heard[request.Nonce].from
		return time.Time{}, nil
	case wire.Dial:
		reply.Outcome = dial(ctx, request)
		return time.Time{}, nil
	case wire.Probe:
		reply.Can = a.table.Can()
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
	for range request.Count {
		if _, err := a.socket.WriteTo([]byte(request.Nonce), net.UDPAddrFromAddrPort(to)); err != nil {
			reply.Outcome = err.Error()
		}
	}
	return nil
}

// listen counts datagrams by their content.
func (a *agent) listen(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = a.socket.Close() })
	defer stop()
	buffer := make([]byte, 64)
	for {
		n, from, err := a.socket.ReadFrom(buffer)
		if ctx.Err() != nil {
			return
		}
		if err == nil && n > 0 {
			a.count(string(buffer[:n]), from.String())
		}
	}
}

func (a *agent) count(nonce, from string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen, known := a.heard[nonce]
	if !known {
		a.order = append(a.order, nonce)
	}
	if len(a.order) > rememberNonces {
		delete(a.heard, a.order[0])
		a.order = a.order[1:]
	}
	a.heard[nonce] = arrival{count: seen.count + 1, from: from}
}

func dial(ctx context.Context, request wire.Request) string {
	dialer := net.Dialer{Timeout: time.Duration(request.WaitMillis) * time.Millisecond}
	conn, err := dialer.DialContext(ctx, "tcp", request.To)
	if err == nil {
		_ = conn.Close()
		return "connected"
	}
	return dialOutcome(err)
}
