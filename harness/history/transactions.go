package history

// Kinds of operations of the transactional workloads, and what their Op.Txn holds. All operations of one kind of data carry
// the same Op.Workload; different workloads never share keys. A statement whose answer never came is not recorded, except for
// writes: those are recorded even when the outcome is Unknown or Failed, because they may be seen.
//
//	Txn              list-append: reads (List) and appends (Write, Value unique per key), in the order they ran. Or keyed
//	                 registers: reads (Value and Version; both 0 if there was no row) and writes (Value unique per key, Version returned).
//	                 One key holds either lists or a register.
//	Read, Write      one access to a keyed register, as in Txn. These are also judged for linearizability.
//	Deposit          bank: one write an account, Value its opening balance; before the load.
//	Transfer         bank: one write an account, Value what was added to it (negative: taken). The values add up to 0.
//	Balances         bank: one read an account, all accounts, Value its balance.
//	Next             one write: Key the sequence, or what must be unique; Value what was handed out.
//	Prepare          two-phase: Token the gid; PREPARE TRANSACTION was sent. Txn has one write a row.
//	CommitPrepared   Token the gid.
//	RollbackPrepared Token the gid.
//
// A read with Op.Standby set was answered by a node in recovery: StandbyReads judges it, and it may be stale.
const (
	Deposit          Kind = "deposit"
	Transfer         Kind = "transfer"
	Balances         Kind = "balances"
	Next             Kind = "next"
	Prepare          Kind = "prepare"
	CommitPrepared   Kind = "commit-prepared"
	RollbackPrepared Kind = "rollback-prepared"
)

// Isolation levels as SQL spells them, for Op.Isolation. PostgreSQL's repeatable read is snapshot isolation.
const (
	ReadCommitted  = "read committed"
	RepeatableRead = "repeatable read"
	Serializable   = "serializable"
)
