#!/bin/sh
# What the official image's variables promise: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB,
# POSTGRES_INITDB_ARGS and POSTGRES_HOST_AUTH_METHOD make a cluster where PGDATA holds none; one
# that is there is started as it is.
set -eu
# A shell that is process 1 would ignore these while the cluster is made.
trap 'exit 130' INT
trap 'exit 143' TERM

case "${1:-}" in -*) set -- postgres "$@" ;; esac
if [ "$1" != postgres ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres -m 0700 "$PGDATA"
    install -d -o postgres -g postgres -m 2775 /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

make_cluster() {
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo "POSTGRES_PASSWORD is not set: give one, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
        exit 1
    fi
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    secret=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-}" >"$secret"
    # Made beside its place and moved when whole, PG_VERSION last: a start that was cut short
    # (then .making is still there) is begun anew.
    [ ! -d "$PGDATA/.making" ] || find "$PGDATA" -mindepth 1 -delete
    # shellcheck disable=SC2086  # several options in one variable, as the official image reads it
    initdb -D "$PGDATA/.making" --username="$user" ${POSTGRES_PASSWORD:+--pwfile="$secret"} \
        ${POSTGRES_INITDB_ARGS:-}
    rm -f "$secret"
    printf 'host all all all %s\n' "$method" >>"$PGDATA/.making/pg_hba.conf"
    if [ "$database" != postgres ]; then
        # A single-user server needs no port and no second start.
        printf 'CREATE DATABASE "%s";\n' "$(printf %s "$database" | sed 's/"/""/g')" |
            postgres --single -j -D "$PGDATA/.making" postgres >/dev/null
    fi
    find "$PGDATA/.making" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
    mv "$PGDATA/.making/PG_VERSION" "$PGDATA"
    rmdir "$PGDATA/.making"
}

[ -s "$PGDATA/PG_VERSION" ] || make_cluster
exec "$@"
