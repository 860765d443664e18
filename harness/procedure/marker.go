package procedure

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// mark writes a row on a primary, which also shows that its commits return, and returns the row's number.
func mark(ctx context.Context, primary *cluster.Node, what string) (number int64, err error) {
	err = primary.Query(ctx, `insert into crucible.marker (token) values ($1 || ' ' || gen_random_uuid()) returning id`, []any{what}, &number)
	return number, err
}

// marked looks whether a node shows a row, and says what is in the way if not.
func marked(ctx context.Context, n *cluster.Node, number int64) (inTheWay string, err error) {
	var there bool
	err = n.Query(ctx, `select exists (select from crucible.marker where id = $1)`, []any{number}, &there)
	if err == nil && !there {
		return fmt.Sprintf("marker row %d is not there", number), nil
	}
	return "", err
}
