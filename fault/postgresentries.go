package fault

func postgresEntries() []Entry {
	primary := []Param{{Name: "target", Kind: KindNode, Default: wordPrimary, Draw: []string{wordPrimary}}}
	standby := []Param{{Name: "target", Kind: KindNode, Default: wordStandby, Draw: []string{wordStandby}}}
	either := []Param{{Name: "target", Kind: KindNode, Default: wordPrimary, Draw: []string{wordPrimary, wordStandby}}}
	entry := func(name, imitates, mechanism string, params []Param, make func(Target) Fault) Entry {
		return Entry{
			Name: name, Group: GroupPostgres, Imitates: imitates, Mechanism: mechanism, Params: params,
			New: func(a Args) (Fault, error) { return make(a.target("target")), nil },
		}
	}
	return []Entry{
		entry("cancel-wait", "an operator who cancels a statement that hangs in a stall of replication", "pg_cancel_backend in the wait for the standby",
			primary, func(t Target) Fault { return CancelWait(t) }),
		entry("terminate-wait", "a script that ends sessions that hang in a stall of replication", "pg_terminate_backend in the wait for the standby",
			primary, func(t Target) Fault { return TerminateWait(t) }),
		entry("terminate-walsender", "an administrator who ends a session too many", "pg_terminate_backend",
			primary, func(t Target) Fault { return TerminateWALSender{t} }),
		entry("pause-replay", "a standby paused for a report and forgotten", "pg_wal_replay_pause",
			standby, func(t Target) Fault { return PauseReplay{t} }),
		entry("drop-slot", "somebody who clears slots that look unused", "pg_drop_replication_slot",
			standby, func(t Target) Fault { return DropSlot{t} }),
		entry("invalidate-slot", "a standby that was away for longer than the primary's disk allows", "max_slot_wal_keep_size, a checkpoint",
			standby, func(t Target) Fault { return InvalidateSlot{t} }),
		entry("archive-fails", "an archive that is full or not mounted", "an archive_command that fails",
			primary, func(t Target) Fault { return ArchiveFails(t) }),
		entry("archive-hangs", "an archive whose mount hangs", "an archive_command that hangs",
			primary, func(t Target) Fault { return ArchiveHangs(t) }),
		entry("restore-fails", "an archive that the standby cannot reach", "a restore_command that fails",
			standby, func(t Target) Fault { return RestoreFails(t) }),
		entry("restore-hangs", "an archive whose mount hangs on the standby", "a restore_command that hangs",
			standby, func(t Target) Fault { return RestoreHangs(t) }),
		entry("empty-conninfo", "a rejoin that forgot a setting", "primary_conninfo emptied by ALTER SYSTEM",
			standby, func(t Target) Fault { return EmptyConninfo{t} }),
		entry("fewer-connections", "a setting raised on the primary only", "max_connections halved, a restart",
			standby, func(t Target) Fault { return FewerConnections{t} }),
		entry("exhaust-connections", "a connection leak, a storm of clients", "idle sessions",
			either, func(t Target) Fault { return ExhaustConnections{t} }),
		entry("long-transaction", "a forgotten psql, a long report", "a session idle in a transaction with a snapshot",
			either, func(t Target) Fault { return LongTransaction{t} }),
		entry("hold-locks", "a migration left open over lunch", "a session idle in a transaction with a lock",
			primary, func(t Target) Fault { return HoldLocks{Target: t} }),
	}
}
