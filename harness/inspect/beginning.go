package inspect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Beginning is what the nodes say of themselves before anybody has written: what a run could meet that an earlier one left.
// Two pairs of one topology have equal ones, but for the system identifier, which is each pair's own.
type Beginning struct {
	System string                       // system identifier
	Nodes  map[string]map[string]string // node -> what -> value: rows, definitions, roles, every setting, slots, files, ...
}

// Begin reads it. What cannot be read is an error: of a pair that was not looked at nothing is known.
func Begin(ctx context.Context, c *cluster.Cluster) (Beginning, error) {
	all := make([]*reader, len(c.Nodes()))
	for i, node := range c.Nodes() {
		all[i] = &reader{node: node, state: history.NodeState{Node: node.Name()}}
	}
	said := make([]map[string]string, len(all))
	each(all, func(r *reader) { r.open(ctx) })
	defer each(all, func(r *reader) { r.close(ctx) })
	each(all, func(r *reader) {
		r.note("contents", r.contents(ctx, 0))
		r.server(ctx)
		said[slices.Index(all, r)] = r.beginning(ctx)
	})
	b := Beginning{Nodes: map[string]map[string]string{}}
	var errs []error
	for i, r := range all {
		state := r.finish()
		if state.Err != "" {
			errs = append(errs, fmt.Errorf("%s: %s", r.node, state.Err))
		}
		b.System, b.Nodes[r.node.Name()] = state.System, said[i]
	}
	if err := errors.Join(errs...); err != nil {
		return Beginning{}, fmt.Errorf("read the beginning: %w", err)
	}
	return b, nil
}

// Count is of how many things it speaks.
func (b Beginning) Count() int {
	n := 0
	for _, said := range b.Nodes {
		n += len(said)
	}
	return n
}

// Differences are a line each, in the order of nodes and things: none if the two are of equal pairs of their own.
func (b Beginning) Differences(other Beginning) []string {
	var lines []string
	if b.System == other.System {
		lines = append(lines, "the system identifier is the same")
	}
	for _, node := range slices.Sorted(maps.Keys(union(b.Nodes, other.Nodes))) {
		here, there := b.Nodes[node], other.Nodes[node]
		for _, what := range slices.Sorted(maps.Keys(union(here, there))) {
			a, has := here[what]
			z, had := there[what]
			switch {
			case !has:
				lines = append(lines, fmt.Sprintf("%s: %s is missing", node, what))
			case !had:
				lines = append(lines, fmt.Sprintf("%s: %s: %q should not be there", node, what, a))
			case a != z:
				lines = append(lines, fmt.Sprintf("%s: %s: %q, should be %q", node, what, a, z))
			}
		}
	}
	return lines
}

func union[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return all
}

// beginning puts what was read of a node into pairs, and reads what only a beginning needs.
func (r *reader) beginning(ctx context.Context) map[string]string {
	said, s := map[string]string{}, r.state
	if !s.Up {
		return said
	}
	for table, hash := range s.Tables {
		if table == markerTable { // its rows are tokens drawn at random: only their number can be equal
			hash, _, _ = strings.Cut(hash, ":")
		}
		said["rows of "+table] = hash
	}
	said["definitions"], said["timeline"], said["in recovery"] = s.Schema, fmt.Sprint(s.Timeline), fmt.Sprint(s.InRecovery)
	said["prepared transactions"] = strings.Join(s.Prepared, " ")
	for name, value := range s.Sequences {
		said["sequence "+name] = value
	}
	for _, slot := range s.Slots {
		said["slot "+slot.Name] = fmt.Sprintf("active %v, %s", slot.Active, slot.Status)
	}
	for _, peer := range s.Streaming {
		said["standby "+peer.Name] = peer.State + " " + peer.Sync
	}
	for name := range s.Histories {
		said["timeline history "+name] = "there"
	}
	r.note("roles without passwords", pairs(ctx, r.conn, "role ", plainRolesQuery, said))
	r.note("every setting", pairs(ctx, r.conn, "setting ", everySettingQuery, said))
	names, err := r.node.Shell(ctx, namesScript, r.node.DataDir(), r.node.ArchiveDir())
	r.note("files", err)
	for name := range strings.Lines(names) {
		said["file "+strings.TrimSuffix(name, "\n")] = "there"
	}
	return said
}

// plainRolesQuery is a role without what is drawn for each run, and with what it is a member of and its own settings.
const plainRolesQuery = `select a.rolname::text, row(rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
	rolvaliduntil, rolpassword is null)::text
	|| coalesce((select string_agg(row(m.roleid::regrole, m.admin_option)::text, ',' order by m.roleid) from pg_auth_members m where m.member = a.oid), '')
	|| coalesce((select string_agg(row(s.*)::text, ',' order by s.setdatabase) from pg_db_role_setting s where s.setrole = a.oid), '')
	from pg_authid a`

// everySettingQuery has where a value came from, too: the same value by ALTER SYSTEM would outlive a change of the file.
const everySettingQuery = `select name, setting || ' from ' || source || coalesce(' ' || sourcefile, '') from pg_settings`

// namesScript lists what is on a node's volumes, but for tables, WAL and temporary files, whose names and numbers are PostgreSQL's own business.
const namesScript = `for d in "${1%/*}" "${1%/*}/log" "${1%/*}/run" "$1" "$1/pg_replslot" "$1/pg_tblspc" "$1/pg_twophase" "$2" /tmp; do
	for f in "$d"/* "$d"/.[!.]*; do
		[ -e "$f" ] && echo "$f"
	done
done
:`
