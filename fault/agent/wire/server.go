package wire

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"time"
)

// maxLine is the longest request that a server reads.
const maxLine = 1 << 20

// Handler carries out one request from peer. It sets what is asked for in the reply and returns the moment at which the
// effect was complete; a zero moment means: when it returned.
type Handler func(ctx context.Context, peer netip.Addr, request Request, reply *Reply) (time.Time, error)

// Serve answers connections until ctx ends or the listener fails.
func Serve(ctx context.Context, listener net.Listener, token string, handle Handler) error {
	if token == "" {
		return errors.New("serve: no token")
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go serveConn(ctx, conn, token, handle)
	}
}

func serveConn(ctx context.Context, conn net.Conn, token string, handle Handler) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var peer netip.Addr
	if from, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		peer = from.Addr().Unmap()
	}
	in := bufio.NewScanner(conn)
	in.Buffer(make([]byte, 4096), maxLine)
	for in.Scan() {
		reply, goOn := answer(ctx, peer, in.Bytes(), token, handle)
		text, err := json.Marshal(reply)
		if err != nil {
			return
		}
		if _, err := conn.Write(append(text, '\n')); err != nil || !goOn {
			return
		}
	}
}

// answer makes the reply to one line. A line with a wrong token or that cannot be read ends the conversation.
func answer(ctx context.Context, peer netip.Addr, line []byte, token string, handle Handler) (reply Reply, goOn bool) {
	arrived := time.Now()
	defer func() { reply.TookMicros = time.Since(arrived).Microseconds() }()
	var request Request
	if err := json.Unmarshal(line, &request); err != nil {
		return Reply{Err: "request cannot be read: " + err.Error()}, false
	}
	if subtle.ConstantTimeCompare([]byte(request.Token), []byte(token)) != 1 {
		return Reply{Err: "wrong token"}, false
	}
	if err := request.Check(); err != nil {
		return Reply{Err: err.Error()}, true
	}
	effect, err := handle(ctx, peer, request, &reply)
	if err != nil {
		return Reply{Err: err.Error()}, true
	}
	if effect.IsZero() {
		effect = time.Now()
	}
	reply.EffectMicros = effect.Sub(arrived).Microseconds()
	return reply, true
}
