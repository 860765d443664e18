package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// session is a connection of a fault's own, opened before the fault so that it can be seen what becomes of it.
type session struct {
	node *cluster.Node
	conn *pgx.Conn
}

func newSession(ctx context.Context, node *cluster.Node) (*session, error) {
	conn, err := openSession(ctx, node, cluster.Admin)
	if err != nil {
		return nil, fmt.Errorf("open a session on %s: %w", node, err)
	}
	return &session{node, conn}, nil
}

// answers asks something that needs no lock and no disk.
func (s *session) answers(ctx context.Context) error {
	if _, err := s.conn.Exec(ctx, `select 1`); err != nil {
		return fmt.Errorf("ask the session on %s: %w", s.node, err)
	}
	return nil
}

// revived is answers, of a new session if this one has broken.
func (s *session) revived(ctx context.Context) error {
	if s.conn.IsClosed() {
		return served(ctx, s.node)
	}
	return s.answers(ctx)
}

// close does not wait for a server that may be frozen.
func (s *session) close(ctx context.Context) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_ = s.conn.Close(ended) // there is nobody to tell
}

// freshly opens a connection for one use.
func freshly(ctx context.Context, node *cluster.Node, use func(s *session) error) error {
	s, err := newSession(ctx, node)
	if err != nil {
		return err
	}
	err = use(s)
	s.close(ctx)
	return err
}

// served is a new connection that is answered.
func served(ctx context.Context, node *cluster.Node) error {
	return freshly(ctx, node, func(s *session) error { return s.answers(ctx) })
}

// arrived writes a row on the primary and waits until one of the nodes has it.
func arrived(ctx context.Context, c *cluster.Cluster, primary *cluster.Node, on []*cluster.Node) error {
	token, err := c.Mark(ctx, primary)
	if err != nil {
		return err
	}
	const query = `select exists (select from crucible.marker where token = $1)`
	return try(ctx, func(ctx context.Context) error {
		var errs []error
		for _, node := range on {
			var found bool
			err := node.Query(ctx, query, []any{token}, &found)
			if err == nil && found {
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(append(errs, errors.New("the row is not there"))...)
	})
}
