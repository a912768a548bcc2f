#!/bin/sh
# Supports these variables of the official image, also as MYSQL_...: MARIADB_ROOT_PASSWORD,
# MARIADB_ALLOW_EMPTY_ROOT_PASSWORD, MARIADB_DATABASE, MARIADB_USER, MARIADB_PASSWORD. They are used
# when the data folder is created; an existing one is not changed.
set -eu
# Process 1 ignores these signals unless it handles them; creating the data takes a while.
trap 'exit 130' INT
trap 'exit 143' TERM

DATA=/var/lib/mysql
case "${1:-}" in -*) set -- mariadbd "$@" ;; esac
if [ "$1" != mariadbd ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    chown -R mysql:mysql "$DATA" /run/mysqld
    exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi

quoted() { # quoted TEXT: as a string of SQL
    printf "'%s'" "$(printf %s "$1" | sed "s/[\\\\']/\\\\&/g")"
}

accounts() {
    echo "FLUSH PRIVILEGES;"
    echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root");"
    echo "CREATE USER root@'%' IDENTIFIED BY $(quoted "$root");"
    echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    [ -z "$database" ] || echo "CREATE DATABASE \`$database\`;"
    [ -z "$user" ] || echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
    [ -z "$user" ] || [ -z "$database" ] ||
        echo "GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%';"
}

make_data() {
    root=${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-}}
    empty=${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:-${MYSQL_ALLOW_EMPTY_PASSWORD:-}}
    database=${MARIADB_DATABASE:-${MYSQL_DATABASE:-}}
    user=${MARIADB_USER:-${MYSQL_USER:-}} password=${MARIADB_PASSWORD:-${MYSQL_PASSWORD:-}}
    if [ -z "$root$empty" ]; then
        echo "MARIADB_ROOT_PASSWORD is not set: give one, or MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1" >&2
        exit 1
    fi
    accounts >/tmp/accounts.sql
    # Without the file .made an earlier start did not finish: begin again.
    find "$DATA" -mindepth 1 -delete
    mariadb-install-db --no-defaults --datadir="$DATA" --auth-root-authentication-method=normal \
        --skip-test-db --skip-name-resolve --extra-file=/tmp/accounts.sql >/dev/null
    rm /tmp/accounts.sql
    touch "$DATA/.made"
}

[ -e "$DATA/.made" ] || make_data
program=$1
shift
exec "$program" --no-defaults --datadir="$DATA" --bind-address=0.0.0.0 "$@"
