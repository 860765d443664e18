package procedure

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// firstWrite commits a row as a client would, waiting for whom commits wait for: it shows that commits return.
func firstWrite(ctx context.Context, primary *cluster.Node) error {
	if err := primary.SQL(ctx, `insert into crucible.marker (token) values ('promoted ' || gen_random_uuid())`); err != nil {
		return fmt.Errorf("first write on %s: %w", primary, err)
	}
	return nil
}
