#!/bin/sh
# Supports these variables of the official image: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB,
# POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD. They are used when the cluster is created; an
# existing one in PGDATA is not changed.
set -eu
# Process 1 ignores these signals unless it handles them; creating the cluster takes a while.
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
    # Created in .making and moved when it is complete, PG_VERSION last. If .making still exists, an
    # earlier start did not finish: begin again.
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
