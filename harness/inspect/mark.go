package inspect

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// markerTable has a row for each moment at which somebody had to know that what is written here is read there.
const markerTable = "crucible.marker"

// Mark writes a marker row on a primary and returns it as NodeState.Marker has it. It does not wait for a standby,
// even where commits do: whether a standby has the row is what is to be found out.
func Mark(ctx context.Context, primary *cluster.Node, what string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	conn, err := primary.Connect(ctx, cluster.Admin)
	if err != nil {
		return "", fmt.Errorf("mark %s: %w", primary, err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "set synchronous_commit = local"); err != nil {
		return "", fmt.Errorf("mark %s: %w", primary, err)
	}
	var row string
	err = conn.QueryRow(ctx, `insert into `+markerTable+` as m (what) values ($1) returning row(m.*)::text`, what).Scan(&row)
	if err != nil {
		return "", fmt.Errorf("mark %s: %w", primary, err)
	}
	return row, nil
}

// newest is the marker row written last that a node has, whole: its number alone could be that of a row on another branch.
func newest(ctx context.Context, conn *pgx.Conn) (string, error) {
	there, err := exists(ctx, conn, markerTable)
	if err != nil || !there {
		return "", err
	}
	rows, err := column(ctx, conn, `select row(m.*)::text from `+markerTable+` m order by m.id desc limit 1`)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0], nil
}
