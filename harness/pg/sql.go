package pg

// TimelineSQL is an SQL expression for the timeline that a server writes (a primary) or follows (a standby), as int.
//
// On a primary it is in the name of the WAL file at the insert position: pg_control_checkpoint() is wrong from a
// promotion to the first checkpoint after it. On a standby it is the newest of the one that is being received, the one that
// recovery has to reach, and the one of the last restart point. Reading it takes the role pg_monitor.
const TimelineSQL = `case when pg_is_in_recovery()
	then greatest((select received_tli from pg_stat_wal_receiver), (select min_recovery_end_timeline from pg_control_recovery()),
		(select timeline_id from pg_control_checkpoint()))
	else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end`
