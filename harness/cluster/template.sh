# Makes the data folder that nodes start from, as postgres, in a container without a network. Runs once for an image.
# $1: rows of the ledger's ballast table. $2: data checksums, on or off.
# Roles have no password here: each run sets its own. Every node gets its configuration when it starts.
set -eu
rows=$1 checksums=--data-checksums
if [ "$2" = off ]; then
	checksums=
	case $(initdb --help) in *--no-data-checksums*) checksums=--no-data-checksums ;; esac # from PostgreSQL 18 on they are the default
fi

initdb --pgdata="$PGDATA" --username="$PGUSER" --auth-local=peer --auth-host=scram-sha-256 \
	--encoding=UTF8 --locale=C $checksums --no-sync >/dev/null
pg_ctl -D "$PGDATA" -w -t 120 -l /pg/log/template -o "-c listen_addresses= -c unix_socket_directories=$PGHOST -c fsync=off -c autovacuum=off -c max_wal_size=4GB" start >/dev/null || {
	cat /pg/log/template >&2
	exit 1
}

psql -qAtX -v ON_ERROR_STOP=1 -v rows="$rows" >/dev/null <<'SQL'
CREATE ROLE crucible_admin SUPERUSER LOGIN;
CREATE ROLE app LOGIN;
CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
CREATE ROLE replica LOGIN REPLICATION;
CREATE ROLE rewind LOGIN;
ALTER ROLE app SET search_path = app;
CREATE DATABASE app;
-- What pg_rewind calls on its source when it is no superuser (documentation, "pg_rewind", Notes).
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean) TO rewind;
GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) TO rewind;
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO rewind;
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO rewind;
\c app
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA app AUTHORIZATION app;
CREATE SCHEMA crucible;
CREATE TABLE crucible.marker (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	token text NOT NULL UNIQUE,
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT USAGE ON SCHEMA crucible TO monitor;
GRANT SELECT ON crucible.marker TO monitor;
SELECT format('CREATE EXTENSION %I', name) FROM pg_available_extensions WHERE name = 'amcheck' \gexec
SET ROLE app;
CREATE TABLE app.ballast (id bigint PRIMARY KEY, filler text NOT NULL);
INSERT INTO app.ballast SELECT i, rpad(md5(i::text), 64, 'x') FROM generate_series(1, :rows) i;
RESET ROLE;
VACUUM (FREEZE, ANALYZE);
SELECT pg_switch_wal();
CHECKPOINT;
SQL

pg_ctl -D "$PGDATA" -w -t 120 -m fast stop >/dev/null
rm -f /pg/log/template "$PGDATA/postmaster.opts"

# WAL before the shutdown checkpoint is of no use to anybody, and ready-made segments after it would only be copied around.
# So would the rest of its own segment, which is zeros: nodes add them again.
control() { pg_controldata "$PGDATA" | sed -n "s/^Latest checkpoint.s $1: *//p"; }
keep=$PGDATA/pg_wal/$(control 'REDO WAL file')
for segment in "$PGDATA"/pg_wal/0*; do
	[ "$segment" = "$keep" ] || rm -f "$segment"
done
end=$(pg_controldata "$PGDATA" | sed -n 's/^Latest checkpoint location: *[0-9A-F]*.//p')
dd if="$keep" of="$keep.short" bs=65536 count=$((0x$end % 16777216 / 65536 + 2)) 2>/dev/null
mv "$keep.short" "$keep"

# Free space and visibility maps are made again as they are needed (storage/freespace/README, visibilitymap.c). They are a quarter of
# all files, and the number of files is what a node's copy takes time for.
rm -f "$PGDATA"/base/*/*_fsm "$PGDATA"/base/*/*_vm "$PGDATA"/global/*_fsm "$PGDATA"/global/*_vm
