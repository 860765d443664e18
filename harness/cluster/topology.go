package cluster

// CommitLevel says what an acknowledged commit has waited for.
type CommitLevel string

// The commit levels that a run can ask for.
const (
	Async       CommitLevel = "async"        // the primary's own disk (synchronous_standby_names empty)
	Sync        CommitLevel = "sync"         // and the standby's (synchronous_commit=on)
	RemoteApply CommitLevel = "remote_apply" // and it can be read on the standby
)

// Topology is the nodes of a run as they start. It is printed and replayed: a plain value.
type Topology struct {
	Nodes       []string          `json:"nodes"` // names; the first is the primary at the start, the rest its standbys
	Commit      CommitLevel       `json:"commit"`
	Settings    map[string]string `json:"settings,omitempty"`    // additions to every node's postgresql.conf
	NoArchive   bool              `json:"noArchive,omitempty"`   // no WAL archive on any node
	NoChecksums bool              `json:"noChecksums,omitempty"` // no data checksums; wal_log_hints stays on, so a rewind is possible
	Rows        int               `json:"rows"`                  // preloaded into the ledger's ballast table, about 100 bytes each
	Disk        Disk              `json:"disk,omitempty"`        // of every node; disk faults need one of the node's own
}

// Pair is one primary (pg1) and one standby (pg2).
func Pair(level CommitLevel) Topology { return Topology{Nodes: []string{"pg1", "pg2"}, Commit: level} }

// Role is what PostgreSQL says of itself.
type Role string

// The roles. A node that does not answer has none: that is an error, not a role.
const (
	Primary Role = "primary"
	Standby Role = "standby"
)

// User is a database role that a connection logs in with. Each has the least privilege that its work needs
// and a password drawn for the run.
type User string

// The users of a run.
const (
	Admin   User = "crucible_admin" // the harness itself: superuser, from the tester's address only
	App     User = "app"            // workloads: owns the schema app in the database app
	Monitor User = "monitor"        // the sampler: pg_monitor
	Replica User = "replica"        // REPLICATION
	Rewind  User = "rewind"         // EXECUTE on the four functions that pg_rewind calls
)

// Database is where workloads write.
const Database = "app"
