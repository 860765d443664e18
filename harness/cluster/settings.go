package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// superuser is the bootstrap superuser. It has no password: it logs in by peer authentication only, inside its own node.
const superuser = "postgres"

// LogLinePrefix is how PostgreSQL's log lines begin: time with milliseconds in UTC, PID, SQLSTATE.
const LogLinePrefix = "%m [%p] %e "

// settings of every node. What a node is (cluster_name, primary_conninfo, ...) is not among them: see Identity.
func (c *Cluster) settings() map[string]string {
	all := map[string]string{
		"listen_addresses":            "*",
		"port":                        fmt.Sprint(postgresPort),
		"unix_socket_directories":     socketDir,
		"max_connections":             "100",
		"shared_buffers":              "64MB",
		"password_encryption":         "scram-sha-256",
		"fsync":                       "on",
		"full_page_writes":            "on",
		"synchronous_commit":          synchronousCommit(c.config.Topology.Commit),
		"wal_level":                   "replica",
		"wal_log_hints":               "on",
		"wal_keep_size":               "512MB",
		"max_wal_senders":             "10",
		"max_replication_slots":       "10",
		"hot_standby":                 "on",
		"wal_retrieve_retry_interval": "200ms",
		"log_destination":             "stderr",
		"logging_collector":           "off", // pg_ctl appends to the file: what is written before a kill is there after it
		"log_line_prefix":             LogLinePrefix,
		"log_timezone":                "UTC",
		"timezone":                    "UTC",
		"lc_messages":                 "C",
	}
	if !c.config.Topology.NoArchive {
		maps.Copy(all, archiving())
	}
	maps.Copy(all, c.config.Topology.Settings)
	return all
}

// archiving has the archive on every node. A segment that is there already is in order if it is the same
// (documentation, "Setting Up WAL Archiving"), and one that was cut short by a crash never has its final name.
func archiving() map[string]string {
	return map[string]string{
		"archive_mode": "on",
		"archive_command": "if test -f " + archiveDir + "/%f; then cmp -s %p " + archiveDir + "/%f; " +
			"else cp %p " + archiveDir + "/%f.part && mv " + archiveDir + "/%f.part " + archiveDir + "/%f; fi",
		"restore_command":         "test -f " + archiveDir + "/%f && cp " + archiveDir + "/%f %p",
		"archive_cleanup_command": "pg_archivecleanup " + archiveDir + " %r",
	}
}

// synchronousCommit waits as far as the level says; without synchronous_standby_names "on" waits for the own disk only.
func synchronousCommit(level CommitLevel) string {
	if level == RemoteApply {
		return "remote_apply"
	}
	return "on"
}

// configuration is text for postgresql.conf or postgresql.auto.conf, one setting a line in the order of names.
func configuration(settings map[string]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&out, "%s = %s\n", name, pg.QuoteSetting(settings[name]))
	}
	return out.String()
}

// hba lets each role in from where it works, and nobody else.
func (c *Cluster) hba() string {
	network, gateway := c.subnet.prefix, c.subnet.gateway()
	return fmt.Sprintf(`# TYPE DATABASE USER ADDRESS METHOD
local all %s peer
host all %s %s/32 scram-sha-256
host %s %s %s scram-sha-256
host all %s %s scram-sha-256
host postgres %s %s scram-sha-256
host replication %s %s scram-sha-256
`, superuser, Admin, gateway, Database, App, network, Monitor, network, Rewind, network, Replica, network)
}

// pgpass lets the node's own programs log in at its peers without a password on a command line.
func (c *Cluster) pgpass() string {
	var out strings.Builder
	for _, user := range []User{Replica, Rewind} {
		fmt.Fprintf(&out, "*:*:*:%s:%s\n", user, c.passwords[user])
	}
	return out.String()
}
