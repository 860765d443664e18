package cluster

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// autoConf is where what a node is stands: ALTER SYSTEM's file, which is read last.
const autoConf = dataDir + "/postgresql.auto.conf"

// Identity writes this node's own settings for a role into postgresql.auto.conf, replacing what is there: cluster_name, and
// for a standby primary_conninfo and primary_slot_name towards upstream; for a primary synchronous_standby_names
// (empty unless sync is set). pg_rewind overwrites them with the source's, so a rejoin calls this again.
// A running server takes them over at the next start, or (all but cluster_name) with Reload.
func (n *Node) Identity(ctx context.Context, role Role, upstream *Node, sync bool) error {
	settings, err := n.identity(role, upstream, sync)
	if err != nil {
		return err
	}
	if err := n.WriteFile(ctx, autoConf, []byte(configuration(settings))); err != nil {
		return err
	}
	n.want(settings)
	return nil
}

func (n *Node) identity(role Role, upstream *Node, sync bool) (map[string]string, error) {
	settings := map[string]string{
		"cluster_name": n.name, "primary_conninfo": "", "primary_slot_name": "", "synchronous_standby_names": "",
	}
	switch {
	case role == Standby && upstream == nil:
		return nil, fmt.Errorf("%s: identity of a standby without an upstream", n.name)
	case role == Standby && upstream == n:
		return nil, fmt.Errorf("%s: identity of a standby of itself", n.name)
	case role == Standby:
		settings["primary_conninfo"] = upstream.Conninfo(Replica) + " " + pg.Conninfo("application_name", n.name)
		settings["primary_slot_name"] = n.PeerSlot()
	case sync:
		settings["synchronous_standby_names"] = n.cluster.standbyNames(n)
	}
	return settings, nil
}

// want remembers an identity, with what else tells nodes apart.
func (n *Node) want(settings map[string]string) {
	wanted := maps.Clone(settings)
	wanted["port"] = strconv.Itoa(postgresPort)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wanted = wanted
}

// Synchronous says whether the commit level of the topology waits for a standby.
func (t Topology) Synchronous() bool { return t.Commit != Async }

// standbyNames lets any one of the peers acknowledge.
func (c *Cluster) standbyNames(primary *Node) string {
	var names []string
	for _, peer := range c.Peers(primary) {
		names = append(names, pg.QuoteIdent(peer.name))
	}
	if len(names) == 0 {
		return ""
	}
	return "ANY 1 (" + strings.Join(names, ", ") + ")"
}

// setup writes everything that a node needs before its first start. The arguments are files and their contents, in pairs.
const setup = `set -e
umask 077
while [ $# -ge 2 ]; do
	printf %s "$2" >"$1"
	shift 2
done
`

// configure makes the template's data folder this node's own, in the role that it starts with.
func (n *Node) configure(ctx context.Context, role Role, upstream *Node, own system) error {
	identity, err := n.identity(role, upstream, n.cluster.config.Topology.Synchronous())
	if err != nil {
		return err
	}
	files := []string{
		passFile, n.cluster.pgpass(),
		dataDir + "/postgresql.conf", configuration(n.cluster.settings()),
		dataDir + "/pg_hba.conf", n.cluster.hba(),
		autoConf, configuration(identity),
	}
	if role == Standby {
		files = append(files, dataDir+"/standby.signal", "")
	}
	if _, err := n.Shell(ctx, setup+own.script(), files...); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	n.want(identity)
	return nil
}

// startPrimary starts the first primary; its roles get their passwords and the standbys their slots before anybody connects.
func (c *Cluster) startPrimary(ctx context.Context, n *Node) error {
	if err := n.launch(ctx); err != nil {
		return err
	}
	// Nobody waits for a standby that is not there yet.
	script := []string{"BEGIN", "SET LOCAL synchronous_commit = local"}
	for user, password := range c.passwords {
		verifier, err := pg.ScramVerifier(password)
		if err != nil {
			return err
		}
		script = append(script, fmt.Sprintf("ALTER ROLE %s PASSWORD %s", pg.QuoteIdent(string(user)), pg.QuoteLiteral(verifier)))
	}
	for _, peer := range c.Peers(n) {
		script = append(script, fmt.Sprintf("SELECT pg_create_physical_replication_slot(%s, true)", pg.QuoteLiteral(peer.PeerSlot())))
	}
	script = append(script, "COMMIT")
	_, err := n.Shell(ctx, `printf '%s' "$1" | psql -qAtX -v ON_ERROR_STOP=1 >/dev/null`, strings.Join(script, ";\n")+";\n")
	return err
}
