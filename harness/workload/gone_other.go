//go:build !unix

package workload

import "github.com/jackc/pgx/v5"

// gone says whether this side has closed the connection; where sockets cannot be peeked at, the rest shows when it is used.
func gone(conn *pgx.Conn) bool { return conn.IsClosed() }
