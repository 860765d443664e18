#!/bin/sh
# A streaming pair in plain shell over the docker client: what a person would type. It is what the pair's readiness is measured against.
# usage: floor.sh IMAGE NAME LABEL; prints the seconds until a marker row written on the primary is read on the standby.
set -eu
image=$1 name=$2 label=$3
a=$name-a b=$name-b
cleanup() { docker rm -fv "$a" "$b" >/dev/null 2>&1 || :; docker network rm "$name" >/dev/null 2>&1 || :; }
trap cleanup EXIT
inside() { container=$1; shift; docker exec -u postgres "$container" sh -c "$@"; }
begin=$(date +%s%N)

docker network create --label "$label" "$name" >/dev/null
for n in "$a" "$b"; do
	docker run -d --init --name "$n" --label "$label" --network "$name" --shm-size 256m -v /pg -v /archive --entrypoint sleep "$image" infinity >/dev/null
	docker exec "$n" install -d -o postgres -g postgres /pg /archive /var/run/postgresql
done

inside "$a" 'initdb -D /pg/data -A trust -k --no-sync >/dev/null
cat >>/pg/data/postgresql.conf <<X
listen_addresses = '"'*'"'
wal_log_hints = on
archive_mode = on
archive_command = '"'cp %p /archive/%f'"'
X
echo "host all all samenet trust
host replication all samenet trust" >>/pg/data/pg_hba.conf
pg_ctl -D /pg/data -w -l /pg/log start >/dev/null'
inside "$b" 'pg_basebackup -h "$1" -U postgres -D /pg/data -R -C -S standby -c fast -X stream
pg_ctl -D /pg/data -w -l /pg/log start >/dev/null' sh "$a"

inside "$a" 'psql -qAtX -c "create table marker as select 1 as i" postgres'
until [ "$(inside "$b" 'psql -qAtX -c "select i from marker" postgres 2>/dev/null' || :)" = 1 ]; do :; done
end=$(date +%s%N)
awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.3f\n", (b - a) / 1e9 }'
