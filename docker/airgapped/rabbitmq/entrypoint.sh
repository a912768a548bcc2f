#!/bin/sh
# Starts RabbitMQ as the official image does: as the user rabbitmq, with the log on the standard output.
# The server itself reads RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and RABBITMQ_DEFAULT_VHOST when it
# creates its data.
set -eu
if [ "$1" != rabbitmq-server ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    chown -R rabbitmq:rabbitmq /var/lib/rabbitmq
    exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups "$0" "$@"
fi
shift
export HOME=/var/lib/rabbitmq RABBITMQ_LOGS=-
# Not Debian's script of the same name, which writes the log to a file.
exec /usr/lib/rabbitmq/bin/rabbitmq-server "$@"
