#!/bin/sh
# Builds stand-ins for the images of Postgres, Redis, MariaDB, RabbitMQ, Toxiproxy and Python, for machines
# that reach no container registry: from Debian's packages and Toxiproxy's own source. An image is built
# again only if its sources have changed. Writes the names of the images to images.env.
set -eu
HERE=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

SUITE=bookworm
TOXIPROXY_VERSION=2.12.0
REPOSITORY=chaoslab-airgapped
BASE=$REPOSITORY/base:$SUITE
POSTGRES=$REPOSITORY/postgres:15-$SUITE
REDIS=$REPOSITORY/redis:7.0-$SUITE
MYSQL=$REPOSITORY/mariadb:10.11-$SUITE
RABBITMQ=$REPOSITORY/rabbitmq:3.10-$SUITE
TOXIPROXY=$REPOSITORY/toxiproxy:$TOXIPROXY_VERSION
PYTHON=$REPOSITORY/python:3.11-$SUITE

SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

main() {
    require_engine
    base
    stand_in "$POSTGRES" postgres --build-arg "BASE=$BASE"
    stand_in "$REDIS" redis --build-arg "BASE=$BASE"
    stand_in "$MYSQL" mariadb --build-arg "BASE=$BASE"
    stand_in "$RABBITMQ" rabbitmq --build-arg "BASE=$BASE"
    stand_in "$PYTHON" python --build-arg "BASE=$BASE"
    stand_in "$TOXIPROXY" toxiproxy
    env_file >"$SCRATCH/images.env"
    mv "$SCRATCH/images.env" "$HERE/images.env"
    echo "images.sh: the images are ready; use them with: . $HERE/images.env"
}

env_file() {
    echo "export CHAOSLAB_IMAGE_POSTGRES=$POSTGRES"
    echo "export CHAOSLAB_IMAGE_REDIS=$REDIS"
    echo "export CHAOSLAB_IMAGE_MYSQL=$MYSQL"
    echo "export CHAOSLAB_IMAGE_RABBITMQ=$RABBITMQ"
    echo "export CHAOSLAB_IMAGE_TOXIPROXY=$TOXIPROXY"
    echo "export CHAOSLAB_IMAGE_PYTHON=$PYTHON"
}

# CHAOSLAB_DEBIAN_MIRROR replaces mmdebstrap's default mirror. The options leave out manuals,
# translations and apt's caches, which would be half of every image.
base() {
    source=$(sha256sum <"$HERE/images.sh" | cut -c1-16)
    if is_there "$BASE" "$source"; then return; fi
    have mmdebstrap || { can_install && install_packages mmdebstrap; } ||
        fail "mmdebstrap is not installed" "apt-get install mmdebstrap"
    as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --aptopt='Acquire::Languages "none"' \
        --aptopt='Dir::Cache::pkgcache ""' \
        --aptopt='Dir::Cache::srcpkgcache ""' \
        "$SUITE" "$SCRATCH/base.tar" ${CHAOSLAB_DEBIAN_MIRROR:+"$CHAOSLAB_DEBIAN_MIRROR"} ||
        fail "Debian's packages could not be downloaded" \
            "set CHAOSLAB_DEBIAN_MIRROR to a mirror that this machine reaches"
    docker import --change 'LABEL org.chaoslab=airgapped' \
        --change "LABEL org.chaoslab.source=$source" "$SCRATCH/base.tar" "$BASE" >/dev/null
    rm "$SCRATCH/base.tar"
    echo "images.sh: $BASE imported"
}

stand_in() { # stand_in IMAGE FOLDER [BUILD OPTIONS]
    image=$1 folder=$2
    shift 2
    source=$(cat "$HERE/images.sh" "$HERE/$folder"/* | sha256sum | cut -c1-16)
    if is_there "$image" "$source"; then return; fi
    cp -Rp "$HERE/$folder" "$SCRATCH/$folder"
    [ "$folder" != toxiproxy ] || toxiproxy_binaries "$SCRATCH/$folder"
    docker build --quiet --force-rm --label org.chaoslab=airgapped --label "org.chaoslab.source=$source" \
        -t "$image" "$@" "$SCRATCH/$folder" >"$SCRATCH/build.log" 2>&1 || {
        tail -n 20 "$SCRATCH/build.log" >&2
        fail "$image could not be built" "look at the lines above; then run $0 again"
    }
    echo "images.sh: $image built"
}

is_there() { # is_there IMAGE SOURCE: whether it was built from these sources; prints its name then
    label='{{index .Config.Labels "org.chaoslab.source"}}'
    [ "$(docker image inspect -f "$label" "$1" 2>/dev/null)" = "$2" ] || return 1
    echo "images.sh: $1 is up to date"
}

toxiproxy_binaries() { # static ones, since the image contains nothing else
    have go || fail "Go is not installed; it builds Toxiproxy from source" "install Go 1.22 or newer"
    module=github.com/Shopify/toxiproxy/v2
    for command in server cli; do
        CGO_ENABLED=0 GOBIN=$1 go install -trimpath \
            -ldflags "-s -w -X $module.Version=$TOXIPROXY_VERSION" \
            "$module/cmd/$command@v$TOXIPROXY_VERSION" >"$SCRATCH/go.log" 2>&1 || {
            cat "$SCRATCH/go.log" >&2
            fail "Toxiproxy could not be built" "let Go reach a module proxy (GOPROXY)"
        }
    done
}

main "$@"
