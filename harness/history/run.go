package history

import (
	"time"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// Outcome is what a client knows about its operation.
type Outcome uint8

// The four outcomes. The zero value is Unknown on purpose: what nobody classified is not known.
const (
	Unknown   Outcome = iota // it may or may not have been committed: the answer never came
	OK                       // the commit was acknowledged
	Failed                   // it is certain that nothing was committed
	LocalOnly                // acknowledged, with the notice that the wait for the standby was cancelled
)

// Kind says what an operation does.
type Kind string

// The kinds of operations. Further workloads add theirs.
const (
	Append Kind = "append" // one row with a token was inserted (the ledger)
	Read   Kind = "read"   // something was read, nothing written
	Write  Kind = "write"  // a keyed value was written
	Txn    Kind = "txn"    // a transaction of several accesses, in Op.Txn
)

// Op is one attempt by one client. Times are since the run began, on the tester's monotonic clock.
type Op struct {
	Workload  string        `json:"load,omitempty"` // which workload of the run; empty for the ledger
	Client    int           `json:"client"`
	Seq       int           `json:"seq"`
	Kind      Kind          `json:"kind"`
	Key       string        `json:"key,omitempty"`
	Token     string        `json:"token,omitempty"`     // unique in the run
	Node      string        `json:"node,omitempty"`      // who answered, or who was asked if no answer came; empty if nobody was reached
	Timeline  pg.Timeline   `json:"tli,omitempty"`       // on which timeline it was written; 0 if not known
	LSN       pg.LSN        `json:"lsn,omitzero"`        // WAL position seen with the write; 0 if not known
	Isolation string        `json:"isolation,omitempty"` // as SQL spells it; empty: read committed
	Scheduled time.Duration `json:"scheduled"`           // when it was due
	Call      time.Duration `json:"call"`                // when it was sent
	Return    time.Duration `json:"return"`              // when its outcome was known
	Outcome   Outcome       `json:"outcome"`
	SQLState  string        `json:"sqlstate,omitempty"`
	Err       string        `json:"err,omitempty"`
	Txn       []Access      `json:"txn,omitempty"`
	Session   int           `json:"session,omitempty"` // which connection of the client, counted from 0: a new one after each loss
	Standby   bool          `json:"standby,omitempty"` // the node that answered was in recovery when it did
	Line      int           `json:"-"`                 // of history.jsonl, set by Load; 0: not from a file
}

// Access is one step of a transaction, in order.
type Access struct {
	Write   bool    `json:"w,omitempty"`    // false: a read
	Key     string  `json:"k"`              //
	Value   int64   `json:"v,omitempty"`    // written or (for a register) read; unique per key when written
	List    []int64 `json:"list,omitempty"` // what a read of a list saw, in order
	Version int64   `json:"ver,omitempty"`  // version column returned by the same statement, 1 for the first write; 0: none
	SQL     string  `json:"sql,omitempty"`  // the statement as sent; may be left out
}

// Span is something that took time: a fault, a promotion, a rewind. Err is empty if it went well.
type Span struct {
	Name   string            `json:"name"` // one of the Span... names, or a fault's
	Node   string            `json:"node,omitempty"`
	Detail string            `json:"detail,omitempty"`
	Start  time.Duration     `json:"start"`
	End    time.Duration     `json:"end"`
	Values map[string]string `json:"values,omitempty"` // measured facts: bytes copied, method, reason
	Err    string            `json:"err,omitempty"`
}

// ValueAsked is the value of a fault's span that says when it was asked for, as time.Duration.String writes it.
const ValueAsked = "asked"

// Names of spans that checkers and timing look for. A procedure and a stage must use these.
const (
	SpanLoad       = "load"     // the workload runs
	SpanFault      = "fault"    // a fault is in effect; Detail is the fault's String, Values its evidence
	SpanRevert     = "revert"   // a fault is being taken back
	SpanDetect     = "detect"   // from the fault to the moment the procedure noticed
	SpanFailover   = "failover" // the whole of moving the role, unplanned
	SpanSwitch     = "switchover"
	SpanFence      = "fence" // the old primary is stopped or shut out
	SpanPromote    = "promote"
	SpanCheckpoint = "checkpoint" // after a promotion, until pg_control shows the new timeline
	SpanRejoin     = "rejoin"     // the whole of bringing the old primary back; Values: how, bytes, reason
	SpanRewind     = "rewind"     // pg_rewind; Values["bytes"] copied, Values["from"] and ["to"] where it says so
	SpanRebuild    = "rebuild"    // pg_basebackup instead; Values["reason"]
	SpanStart      = "start"      // PostgreSQL starts on a node
	SpanStream     = "stream"     // from started to streaming
	SpanCatchUp    = "catch-up"   // from streaming to the marker row read
	SpanFailback   = "failback"
	SpanMark       = "mark" // a moment a story wants to be remembered: Start == End, Detail names it
)

// NoAnswer is the error of a sample whose probe still waits: the node is silent, or only slow. A node that is down refuses, and
// its samples have the error that came back.
const NoAnswer = "no answer yet"

// Sample is what a direct probe of one node saw. Probes come every 50 ms or faster.
type Sample struct {
	Node       string        `json:"node"`
	At         time.Duration `json:"at"`   // when the answer came
	Took       time.Duration `json:"took"` // how long it took
	Up         bool          `json:"up"`   // it answered
	InRecovery bool          `json:"recovery,omitempty"`
	Writable   bool          `json:"writable,omitempty"` // not in recovery and not read-only
	Timeline   pg.Timeline   `json:"tli,omitempty"`
	Write      pg.LSN        `json:"write,omitzero"`  // primary: written; standby: received
	Replay     pg.LSN        `json:"replay,omitzero"` // standby: replayed; primary: as Write
	Err        string        `json:"err,omitempty"`
}

// NodeState is what was found on one node when the run was over and all was quiet.
type NodeState struct {
	Node        string            `json:"node"`
	Up          bool              `json:"up"`
	InRecovery  bool              `json:"recovery"`
	Timeline    pg.Timeline       `json:"tli"`
	LSN         pg.LSN            `json:"lsn"`    // primary: current; standby: replayed
	System      string            `json:"system"` // system identifier
	Streaming   []Peer            `json:"streaming,omitempty"`
	Receiver    *Receiver         `json:"receiver,omitempty"` // standby: its pg_stat_wal_receiver
	Slots       []Slot            `json:"slots,omitempty"`
	Prepared    []string          `json:"prepared,omitempty"` // gids in pg_prepared_xacts
	Decided     map[string]int    `json:"decided,omitzero"`   // gid -> rows found that the prepared transaction wrote; none: not there; nil: nobody looked
	Tokens      map[string]int    `json:"tokens,omitempty"`   // how often each token of the ledger is present
	Marker      string            `json:"marker,omitempty"`   // newest marker row read here, written after the last promotion
	Tables      map[string]string `json:"tables,omitempty"`   // schema.table -> hash of its rows
	Schema      string            `json:"schema,omitempty"`   // hash of all definitions
	Sequences   map[string]string `json:"sequences,omitempty"`
	Roles       map[string]string `json:"roles,omitempty"`
	Settings    map[string]string `json:"settings,omitempty"` // identity: port, cluster_name, primary_conninfo (no password), slot name, ...
	Want        map[string]string `json:"want,omitempty"`     // what those settings must be in this node's role
	Histories   map[string]string `json:"histories,omitempty"`
	Archiver    *Archiver         `json:"archiver,omitempty"`
	Checksums   *Verification     `json:"checksums,omitempty"`
	Amcheck     *Verification     `json:"amcheck,omitempty"`
	Log         []LogLine         `json:"log,omitempty"`      // lines of level FATAL and PANIC
	LogLines    int               `json:"logLines,omitempty"` // how many lines of log were read in all; 0: it was not read
	ControlData map[string]string `json:"controldata,omitempty"`
	Err         string            `json:"err,omitempty"` // what could not be read
}

// Peer is a row of pg_stat_replication.
type Peer struct {
	Name   string `json:"name"` // application_name
	State  string `json:"state"`
	Sync   string `json:"sync"`
	Replay pg.LSN `json:"replay,omitzero"`
}

// Receiver is a row of pg_stat_wal_receiver.
type Receiver struct {
	Status   string      `json:"status"`
	Timeline pg.Timeline `json:"tli"`
	Slot     string      `json:"slot,omitempty"`
}

// Slot is a row of pg_replication_slots.
type Slot struct {
	Name   string `json:"name"`
	Active bool   `json:"active"`
	Status string `json:"status"` // wal_status
}

// Archiver is pg_stat_archiver.
type Archiver struct {
	Archived int64 `json:"archived"`
	Failed   int64 `json:"failed"`
}

// Verification is the result of a program that looks at files or indexes.
type Verification struct {
	Ran    bool   `json:"ran"`
	Clean  bool   `json:"clean"`
	Detail string `json:"detail,omitempty"`
}

// LogLine is a line of a node's log worth a look.
type LogLine struct {
	At    string `json:"at"`
	Level string `json:"level"` // FATAL, PANIC, ERROR
	State string `json:"state"` // SQLSTATE, from log_line_prefix %e
	Text  string `json:"text"`
}

// Manifest says what a run was: enough to replay it and to judge it again. It never holds a password.
type Manifest struct {
	Format     int               `json:"format"` // of the run's folder; 1 today
	ID         string            `json:"id"`
	Scenario   string            `json:"scenario"`
	Story      string            `json:"story"` // what happens, one sentence
	Procedure  string            `json:"procedure"`
	Commit     string            `json:"commit"` // async, sync, remote_apply
	Repetition int               `json:"repetition"`
	Seed       uint64            `json:"seed"`
	Plan       []string          `json:"plan,omitempty"` // what was drawn
	Version    string            `json:"version"`        // PostgreSQL's own
	Image      string            `json:"image"`          // and where it came from
	Nodes      []NodeInfo        `json:"nodes"`
	Settings   map[string]string `json:"settings"` // of the run, as the user may give them again
	Budget     Budget            `json:"budget"`
	Expect     Expect            `json:"expect"`
	Began      time.Time         `json:"began"`
	Ended      time.Time         `json:"ended,omitzero"`
	Pair       string            `json:"pair,omitempty"`    // fresh, or reset and by what it was found equal to a fresh one
	Replay     string            `json:"replay"`            // the command
	Error      string            `json:"error,omitempty"`   // why the story could not be played to its end
	Skipped    string            `json:"skipped,omitempty"` // why nothing was played
	Dirty      bool              `json:"dirty,omitempty"`   // a revert failed: the pair must not be used again
	Machine    map[string]string `json:"machine,omitempty"` // kernel, CPUs, conditions that spoil a measurement
}

// NodeInfo is a node as the topology made it.
type NodeInfo struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Role    string `json:"role"` // at the start: primary or standby
}

// Budget is what a scenario may cost. A run that costs more has a bad verdict.
type Budget struct {
	Outage    time.Duration `json:"outage"`               // longest time without an acknowledged write; 0: not limited
	Lost      int           `json:"lost"`                 // acknowledged writes that may be missing; -1: not limited
	TwoWrite  bool          `json:"twoWritable,omitzero"` // two writable nodes at once are part of the story
	MinBefore int           `json:"minBefore"`            // fewer acknowledged writes before the fault than this: unknown
}

// Expect is what must be found for the story to have happened at all; what is not found makes the verdict bad or unknown.
type Expect struct {
	Promotions int      `json:"promotions"`         // the timeline rises by exactly this
	Missing    []string `json:"missing,omitempty"`  // with Exact: these tokens and no others are missing at the end
	Exact      bool     `json:"exact,omitzero"`     // Missing is the whole truth
	Silence    bool     `json:"silence,omitzero"`   // no write may be acknowledged while a fault is in effect
	NoUnknown  bool     `json:"noUnknown,omitzero"` // the clients saw no unknown outcome
	Rebuild    bool     `json:"rebuild,omitzero"`   // the rewind must be refused
	NoRewind   bool     `json:"noRewind,omitzero"`  // no rewind may be needed
	Overlap    bool     `json:"overlap,omitzero"`   // two writable nodes must be found

	NoChecksums bool `json:"noChecksums,omitzero"` // the nodes were asked for without data checksums, and must have none
}

// Run is everything that was recorded.
type Run struct {
	Manifest
	Ops     []Op
	Spans   []Span
	Samples []Sample
	Final   []NodeState
}

// Status is what a checker says.
type Status string

// The three verdicts.
const (
	Pass      Status = "pass"
	Fail      Status = "fail"
	Undecided Status = "unknown"
)

// Verdict is what one checker says of one run.
type Verdict struct {
	Checker  string    `json:"checker"`
	Status   Status    `json:"status"`
	Sentence string    `json:"sentence"`          // one, plain
	Witness  []Witness `json:"witness,omitempty"` // at most some twenty; Total says of how many
	Total    int       `json:"total,omitempty"`
}

// Witness is one thing that shows a finding.
type Witness struct {
	At     time.Duration `json:"at,omitempty"` // where on the run's clock; 0: nowhere
	Node   string        `json:"node,omitempty"`
	Token  string        `json:"token,omitempty"`
	Detail string        `json:"detail"`
}

// Phases are the parts of an outage and of the way back, from one clock. A phase that did not happen is nil.
type Phases struct {
	Outage      *Window        `json:"outage,omitempty"` // RTO: from the last acknowledged write before to the first one after
	Fault       *time.Duration `json:"fault,omitempty"`  // when
	Detected    *time.Duration `json:"detected,omitempty"`
	Asked       *time.Duration `json:"promoteAsked,omitempty"`
	Promoted    *time.Duration `json:"promoted,omitempty"`
	FirstAck    *time.Duration `json:"firstAck,omitempty"`
	OldStopped  *time.Duration `json:"oldStopped,omitempty"`
	Rewind      *Window        `json:"rewind,omitempty"`
	RewindBytes int64          `json:"rewindBytes,omitempty"`
	Rebuild     *Window        `json:"rebuild,omitempty"`
	Started     *time.Duration `json:"started,omitempty"`
	Streaming   *time.Duration `json:"streaming,omitempty"`
	CaughtUp    *time.Duration `json:"caughtUp,omitempty"`
	AtRisk      *Window        `json:"atRisk,omitempty"` // until a standby streams again
	Loss        Loss           `json:"loss"`
}

// Window is a stretch of the run's clock.
type Window struct {
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

// Length is how long the window is.
func (w Window) Length() time.Duration { return w.To - w.From }

// Loss is the RPO: acknowledged writes missing at the end.
type Loss struct {
	Acknowledged int           `json:"acknowledged"`
	Lost         int           `json:"lost"`
	LocalOnly    int           `json:"localOnly"` // lost among those acknowledged only locally
	Unknown      int           `json:"unknown"`   // operations with unknown outcome
	Span         time.Duration `json:"span"`      // over how long the lost ones were acknowledged
	WALBytes     int64         `json:"walBytes"`  // past the switch point; 0 if nothing was lost, -1 if not known
}
