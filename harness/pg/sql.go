package pg

// TimelineSQL is an SQL expression for the timeline that a server writes (a primary) or follows (a standby), as int.
//
// On a primary it is in the name of the WAL file at the insert position: pg_control_checkpoint() is wrong from a
// promotion to the first checkpoint after it. On a standby it is the one that is being received; while nothing is, the
// one that recovery has reached, and last the one of the last restart point. Reading it takes the role pg_monitor.
const TimelineSQL = `case when pg_is_in_recovery()
	then coalesce((select received_tli from pg_stat_wal_receiver), nullif((pg_control_recovery()).min_recovery_end_timeline, 0),
		(pg_control_checkpoint()).timeline_id)
	else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end`
