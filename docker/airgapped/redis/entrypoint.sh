#!/bin/sh
# Starts Redis as the official image does: options alone are options of the server, it runs as the user
# redis, and it answers other hosts without a password.
set -eu
case "${1:-}" in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then
    set -- "$@" --protected-mode no
    if [ "$(id -u)" = 0 ]; then
        chown -R redis:redis .
        set -- setpriv --reuid=redis --regid=redis --init-groups "$@"
    fi
fi
exec "$@"
