package procedure

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

const (
	probeLimit = 100 * time.Millisecond // a node that takes longer to say its role has not answered
	probeMost  = 2 * time.Second        // what that limit grows to while no standby answers: all may be slow
	probeEvery = 5 * time.Millisecond
	probeSame  = 3 // rounds in a row with the same picture that make it certain
)

// view is what one node answered to one probe.
type view struct {
	node *cluster.Node
	role cluster.Role // "" if it did not answer
	lsn  pg.LSN       // of a standby: the end of what it has received
	err  error
}

// picture is what all nodes answered in one round, in the order of the topology.
type picture []view

// detect probes every node until the same roles were seen a few rounds in a row and a standby is among them.
// It does not ask who was the primary before: whoever is not a standby now has to be fenced.
func (m Manual) detect(ctx context.Context, c *cluster.Cluster) (seen picture, err error) {
	err = c.Recorder().Do(history.SpanDetect, "", func(span *history.Span) error {
		return within(ctx, m.step(), func(ctx context.Context) error {
			rounds, limit := 0, probeLimit
			err := until(ctx, "a standby that answers", probeEvery, func(ctx context.Context) (string, error) {
				now := look(ctx, c.Nodes(), limit)
				if seen.sameRoles(now) {
					rounds++
				} else {
					rounds = 1
				}
				seen = now
				if seen.best() == nil {
					limit = min(2*limit, probeMost)
				}
				if seen.best() == nil || rounds < probeSame {
					return seen.String(), nil
				}
				return "", nil
			})
			span.Detail = seen.String()
			return err
		})
	})
	return seen, err
}

// look probes all nodes at once.
func look(ctx context.Context, nodes []*cluster.Node, limit time.Duration) picture {
	seen := make(picture, len(nodes))
	var wait sync.WaitGroup
	for i, node := range nodes {
		wait.Go(func() { seen[i] = probe(ctx, node, limit) })
	}
	wait.Wait()
	return seen
}

func probe(ctx context.Context, node *cluster.Node, limit time.Duration) view {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v := view{node: node}
	var recovering bool
	var received string
	v.err = node.Query(ctx, `select pg_is_in_recovery(),
		coalesce(case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) end, '0/0')::text`,
		nil, &recovering, &received)
	if v.err != nil {
		return v
	}
	v.role = cluster.Primary
	if recovering {
		v.role = cluster.Standby
	}
	v.lsn, v.err = pg.ParseLSN(received)
	return v
}

func (p picture) sameRoles(other picture) bool {
	if len(p) != len(other) {
		return false
	}
	for i := range p {
		if p[i].node != other[i].node || p[i].role != other[i].role {
			return false
		}
	}
	return true
}

// best is the standby that has received most: promoting another would lose what only this one has.
func (p picture) best() *cluster.Node {
	var best *cluster.Node
	var most pg.LSN
	for _, v := range p {
		if v.role == cluster.Standby && (best == nil || v.lsn > most) {
			best, most = v.node, v.lsn
		}
	}
	return best
}

// others are the nodes that did not say they are a standby: a primary, or nobody knows.
func (p picture) others() []*cluster.Node {
	var nodes []*cluster.Node
	for _, v := range p {
		if v.role != cluster.Standby {
			nodes = append(nodes, v.node)
		}
	}
	return nodes
}

func (p picture) String() string {
	var words []string
	for _, v := range p {
		role := string(v.role)
		if role == "" {
			role = "no answer"
		}
		words = append(words, fmt.Sprintf("%s %s", v.node, role))
	}
	return strings.Join(words, ", ")
}
