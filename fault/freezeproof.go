package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// hanging is what hangs while the victims are frozen.
func (b *frozen) hanging() asking {
	name := b.node.Name()
	switch b.fault.Process {
	case cluster.Postmaster:
		return asking{name + " answers a new connection", func(ctx context.Context) error { return greeted(ctx, b.node) }}
	case cluster.Backend:
		return asking{"a session on " + name + " that was open before is answered", b.session.revived}
	case cluster.Checkpointer:
		return asking{"a checkpoint is done on " + name, b.checkpoint}
	case cluster.Archiver:
		return asking{"a WAL segment of " + name + " is archived", b.archive}
	case cluster.WALSender:
		return b.replication(b.peers)
	}
	return b.replication([]*cluster.Node{b.node})
}

func (b *frozen) replication(on []*cluster.Node) asking {
	return asking{
		fmt.Sprintf("a row committed on %s is read on %v", b.primary, on),
		func(ctx context.Context) error { return arrived(ctx, b.cluster, b.primary, on) },
	}
}

func (b *frozen) checkpoint(ctx context.Context) error {
	return freshly(ctx, b.node, func(s *session) error {
		if _, err := s.conn.Exec(ctx, `checkpoint`); err != nil {
			return fmt.Errorf("checkpoint on %s: %w", b.node, err)
		}
		return nil
	})
}

// archived is how PostgreSQL notes that a segment has been archived; one that has been recycled since was archived before.
const archived = `[ -e "$PGDATA/pg_wal/archive_status/$1.done" ] || [ ! -e "$PGDATA/pg_wal/$1" ]`

// archive finishes a WAL segment and waits until it is archived.
func (b *frozen) archive(ctx context.Context) error {
	if _, err := b.cluster.Mark(ctx, b.node); err != nil { // a segment with nothing in it is not finished
		return err
	}
	var segment string
	if err := b.node.Query(ctx, `select pg_walfile_name(pg_switch_wal())`, nil, &segment); err != nil {
		return err
	}
	return try(ctx, func(ctx context.Context) error {
		_, err := b.node.Shell(ctx, archived, segment)
		return err
	})
}

// control sees that what is not frozen goes on.
func (b *frozen) control(ctx context.Context) (string, error) {
	control := "a new connection to " + b.node.Name() + " is answered"
	var err error
	switch b.fault.Process {
	case cluster.Postmaster:
		control = "a session on " + b.node.Name() + " that was open before is answered"
		err = b.session.answers(ctx)
	case cluster.Startup:
		control += ", it receives WAL"
		err = errors.Join(served(ctx, b.node), b.receives(ctx))
	default:
		err = served(ctx, b.node)
	}
	if err != nil {
		return "", err
	}
	peers, err := othersAnswer(ctx, b.node, b.peers)
	return control + ", " + peers, err
}

// receives waits until the standby has received all that the primary has written by now.
func (b *frozen) receives(ctx context.Context) error {
	written, err := b.primary.LSN(ctx)
	if err != nil {
		return err
	}
	return try(ctx, func(ctx context.Context) error {
		var text string
		if err := b.node.Query(ctx, `select coalesce(pg_last_wal_receive_lsn()::text, '0/0')`, nil, &text); err != nil {
			return err
		}
		received, err := pg.ParseLSN(text)
		if err == nil && received < written {
			err = fmt.Errorf("%s has received %s of %s", b.node, received, written)
		}
		return err
	})
}
