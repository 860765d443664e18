package inspect

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// markerTable is where cluster.Cluster.Mark writes.
const markerTable = "crucible.marker"

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
