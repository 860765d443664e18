//go:build unix

package workload

import (
	"errors"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// gone looks, without taking anything from it, whether an idle connection has already ended: the socket is at its end,
// or the server has said an error, which on an idle connection is its goodbye. It costs about a microsecond.
// An operation that is not sent on such a connection is a refused one less whose outcome nobody knows.
func gone(conn *pgx.Conn) bool {
	if conn.IsClosed() {
		return true
	}
	socket, ok := conn.PgConn().Conn().(syscall.Conn)
	if !ok {
		return false // wrapped in TLS: it shows when used
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	err = raw.Control(func(fd uintptr) {
		var first [1]byte
		n, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		case err != nil, n == 0:
			ended = true
		default:
			ended = first[0] == 'E' // ErrorResponse; notices and parameter changes are no goodbye
		}
	})
	return ended || err != nil
}
