package selftest

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/fault"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// postgresCases are those that last until they are taken back.
func postgresCases() []postgresCase {
	primary, standby := fault.Primary(), fault.Standby()
	return []postgresCase{
		{fault.PauseReplay{Target: standby}, replayIsPaused, resume, "replay of"},
		{fault.EmptyConninfo{Target: standby}, nobodyReceives, connectAgain, "primary_conninfo of"},
		{fault.DropSlot{Target: standby}, slotIsMissing, makeSlot, "is there on"},
		{fault.InvalidateSlot{Target: standby}, slotIsLost, makeSlot, "slot"},
		{fault.ArchiveFails(primary), archiveFails, resetArchive, "archive_command of"},
		{fault.ArchiveHangs(primary), archiveHangs, resetArchive, "archive_command of"},
		{fault.RestoreFails(standby), restoreFails, resetRestore, "restore_command of"},
		{fault.RestoreHangs(standby), restoreHangs, resetRestore, "restore_command of"},
		{fault.FewerConnections{Target: standby}, refusesToStart, startsAgain, "is connected"},
		{fault.ExhaustConnections{Target: primary}, clientsAreTurnedAway, endSessions, "was not turned away"},
		{fault.LongTransaction{Target: primary}, rowsCannotBeRemoved, rowsAreRemoved, "is gone"},
		{fault.HoldLocks{Target: primary}, writersWait, endSessions, "is gone"},
	}
}

// behind expects that a row written on the primary now is not shown by the standby for a while, which answers all the same.
func (p *postgresBench) behind(ctx context.Context) {
	GinkgoHelper()
	token, err := p.pair.Mark(ctx, p.primary)
	Expect(err).NotTo(HaveOccurred())
	limited, cancel := context.WithTimeout(ctx, 400*time.Millisecond)
	defer cancel()
	Expect(p.standby.AwaitMark(limited, token)).NotTo(Succeed())
	Expect(lsn(ctx, p.standby)).To(BeNumerically(">", 0))
}

func replayIsPaused(ctx context.Context, p *postgresBench) {
	p.behind(ctx)
	p.eventually(ctx, p.primary, `select replay_lsn < flush_lsn and state = 'streaming' from pg_stat_replication`)
}

func resume(ctx context.Context, p *postgresBench) {
	p.sql(ctx, p.standby, `select pg_wal_replay_resume()`)
}

func nobodyReceives(ctx context.Context, p *postgresBench) {
	p.eventually(ctx, p.primary, `select count(*) = 0 from pg_stat_replication`)
	p.behind(ctx)
}

func connectAgain(ctx context.Context, p *postgresBench) {
	Expect(p.standby.Identity(ctx, cluster.Standby, p.primary, false)).To(Succeed())
	p.sql(ctx, p.standby, `select pg_reload_conf()`)
	p.eventually(ctx, p.standby, `select current_setting('primary_conninfo') <> ''`)
}

func slotIsMissing(ctx context.Context, p *postgresBench) {
	p.behind(ctx)
	p.logSays(ctx, p.standby, `replication slot "pg2" does not exist`)
}

func makeSlot(ctx context.Context, p *postgresBench) {
	p.sql(ctx, p.primary, `select pg_drop_replication_slot(slot_name) from pg_replication_slots`)
	p.sql(ctx, p.primary, `select pg_create_physical_replication_slot($1, true)`, p.standby.PeerSlot())
}

func slotIsLost(ctx context.Context, p *postgresBench) {
	p.behind(ctx)
	p.logSays(ctx, p.primary, `invalidating obsolete replication slot "pg2"`)
	p.eventually(ctx, p.primary, `select current_setting('max_slot_wal_keep_size') = '-1' and current_setting('wal_keep_size') = '512MB'`)
}

func archiveFails(ctx context.Context, p *postgresBench) {
	p.logSays(ctx, p.primary, "archive command failed with exit code 1")
	p.apace(ctx)
}

func archiveHangs(ctx context.Context, p *postgresBench) {
	p.runs(ctx, p.primary, "archive_command.stuck")
	p.apace(ctx)
}

func resetArchive(ctx context.Context, p *postgresBench) { p.reset(ctx, p.primary, "archive_command") }

func restoreFails(ctx context.Context, p *postgresBench) {
	p.eventually(ctx, p.primary, `select count(*) = 1 from pg_stat_replication where state = 'streaming'`)
	asked, err := p.standby.Shell(ctx, `cat "$1" | wc -l`, "/pg/restore_command.stuck.turns")
	Expect(err).NotTo(HaveOccurred())
	Expect(asked).NotTo(HavePrefix("0"))
	p.apace(ctx)
}

func restoreHangs(ctx context.Context, p *postgresBench) {
	p.runs(ctx, p.standby, "restore_command.stuck")
	p.eventually(ctx, p.primary, `select count(*) = 0 from pg_stat_replication`)
	p.behind(ctx)
}

func resetRestore(ctx context.Context, p *postgresBench) { p.reset(ctx, p.standby, "restore_command") }

func refusesToStart(ctx context.Context, p *postgresBench) {
	Expect(p.standby.Running(ctx)).To(BeFalse())
	p.logSays(ctx, p.standby, "recovery aborted because of insufficient parameter settings")
	at := lsn(ctx, p.primary)
	Eventually(lsn).WithContext(ctx).WithArguments(p.primary).WithTimeout(30 * time.Second).WithPolling(50 * time.Millisecond).Should(BeNumerically(">", at))
}

func startsAgain(ctx context.Context, p *postgresBench) {
	Expect(p.standby.Identity(ctx, cluster.Standby, p.primary, false)).To(Succeed())
	Expect(p.standby.Start(ctx)).To(Succeed())
}

func clientsAreTurnedAway(ctx context.Context, p *postgresBench) {
	_, err := pgx.Connect(ctx, p.primary.DSN(cluster.Monitor))
	var answer *pgconn.PgError
	Expect(errors.As(err, &answer)).To(BeTrue(), "error: %v", err)
	Expect(answer.Code).To(Equal("53300"))
	p.apace(ctx)
}

func endSessions(ctx context.Context, p *postgresBench) {
	p.sql(ctx, p.primary, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgcrucible-fault'`)
	p.eventually(ctx, p.primary, `select count(*) = 0 from pg_stat_activity where application_name = 'pgcrucible-fault'`)
}

func rowsCannotBeRemoved(ctx context.Context, p *postgresBench) {
	p.sql(ctx, p.primary, `create table app.dead as select i from generate_series(1, 1000) i`)
	p.sql(ctx, p.primary, `delete from app.dead`)
	p.sql(ctx, p.primary, `vacuum app.dead`)
	p.eventually(ctx, p.primary, `select pg_relation_size('app.dead') > 0`)
}

func rowsAreRemoved(ctx context.Context, p *postgresBench) {
	endSessions(ctx, p)
	Eventually(func(ctx context.Context) (size int, err error) {
		err = errors.Join(p.primary.SQL(ctx, `vacuum app.dead`), p.primary.Query(ctx, `select pg_relation_size('app.dead')`, nil, &size))
		return size, err
	}).WithContext(ctx).WithTimeout(30 * time.Second).WithPolling(50 * time.Millisecond).Should(BeZero())
	p.sql(ctx, p.primary, `drop table app.dead`)
}

func writersWait(ctx context.Context, p *postgresBench) {
	p.eventually(ctx, p.primary, `select count(*) >= 1 from pg_stat_activity where wait_event_type = 'Lock' and usename = 'app'`)
	p.eventually(ctx, p.primary, `select count(*) > 0 from app.ledger`)
}
