package fault

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// greeted connects to PostgreSQL as a client does and waits for the answer to its first question, which comes
// from a process that the postmaster forks for it.
func greeted(ctx context.Context, node *cluster.Node) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", node.Endpoint())
	if err != nil {
		return fmt.Errorf("greet %s: %w", node, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // the error comes from the read that it ends
	defer stop()
	if _, err := conn.Write([]byte(sslRequest)); err != nil {
		return fmt.Errorf("greet %s: %w", node, err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return fmt.Errorf("greet %s: %w", node, err)
	}
	return nil
}
