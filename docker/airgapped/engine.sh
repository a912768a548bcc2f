#!/bin/sh
# Provides a Docker engine: installs Debian's if none is installed (needs root and apt), and starts it if
# it does not run. Exits with 0 and one line, or with 3 and one line with the reason. An engine that this
# script started runs until it is stopped: kill $(cat /var/run/docker.pid).
# CHAOSLAB_DOCKERD_OPTIONS: more options for dockerd, such as --storage-driver=vfs.
set -eu
HERE=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

LOG=${TMPDIR:-/tmp}/chaoslab-dockerd.log
START_S=30
HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}

main() {
    if engine_answers; then answered; fi
    case $HOST in
        unix://*) ;;
        *) no_engine "nothing answers at DOCKER_HOST=$HOST; start that engine or unset DOCKER_HOST" ;;
    esac
    if ! have docker || ! have dockerd; then
        can_install || no_engine "none is installed, and packages cannot be installed here" \
            "(that takes root and apt); install Docker"
        install_packages docker.io iptables ||
            no_engine "Debian's packages docker.io and iptables could not be installed"
    fi
    if ! starting; then start; fi
    wait_for_it
}

answered() {
    echo "engine.sh: Docker engine $(docker version --format '{{.Server.Version}}') answers"
    exit 0
}

no_engine() {
    echo "engine.sh: no Docker engine: $*" >&2
    exit 3
}

starting() { # whether another process has just started the default engine
    [ -z "${DOCKER_HOST:-}" ] && have pidof && pidof dockerd >/dev/null
}

start() {
    if [ -d /run/systemd/system ] && [ -z "${DOCKER_HOST:-}" ]; then
        as_root systemctl start docker >/dev/null 2>&1 ||
            no_engine "systemd could not start it; see journalctl -u docker"
        return
    fi
    as_root true 2>/dev/null || no_engine "it is installed but not running, and starting it takes root"
    # In a session of its own, so that Ctrl-C in the terminal does not stop it.
    # shellcheck disable=SC2086  # several options in one variable
    as_root setsid dockerd -H "$HOST" ${CHAOSLAB_DOCKERD_OPTIONS:-} >"$LOG" 2>&1 </dev/null &
    DOCKERD=$!
}

wait_for_it() {
    tenths=0
    while [ "$tenths" -lt $((START_S * 10)) ]; do
        if engine_answers; then answered; fi
        if [ -n "${DOCKERD:-}" ] && ! as_root kill -0 "$DOCKERD" 2>/dev/null; then
            no_engine "dockerd ended: $(tail -n 1 "$LOG" | cut -c1-300) ($LOG)"
        fi
        sleep 0.1
        tenths=$((tenths + 1))
    done
    why=$(docker version 2>&1 >/dev/null | tail -n 1)
    case $why in
        *"permission denied"*)
            no_engine "$(id -un) may not use its socket; add that user to the group docker" ;;
    esac
    no_engine "it does not answer within $START_S s: $why"
}

main "$@"
