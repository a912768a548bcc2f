#!/bin/sh
# As the official image starts RabbitMQ: as its own user, with its log on the standard output. The
# server itself reads RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and RABBITMQ_DEFAULT_VHOST when it
# first makes its data.
set -eu
if [ "$1" != rabbitmq-server ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    chown -R rabbitmq:rabbitmq /var/lib/rabbitmq
    exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups "$0" "$@"
fi
shift
export HOME=/var/lib/rabbitmq RABBITMQ_LOGS=-
# The program behind Debian's script of the same name, which writes the log into a file.
exec /usr/lib/rabbitmq/bin/rabbitmq-server "$@"
