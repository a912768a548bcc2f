#!/bin/sh
# Provides Compose: if neither `docker compose` nor docker-compose answers, it builds the v2 plugin with Go
# into Docker's folder of plugins, or installs Debian's docker-compose. Exits with 0 and one line, or with 3
# and one line with the reason.
set -eu
HERE=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

VERSION=v2.29.7
MODULE=github.com/docker/compose/v2
PLUGINS=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins

main() {
    if answered; then exit 0; fi
    if have go && build && answered; then exit 0; fi
    if can_install && install_packages docker-compose && answered; then exit 0; fi
    echo "compose.sh: no Compose: neither Go nor apt could bring one here; install Docker's plugin" >&2
    exit 3
}

answered() {
    if version=$(docker compose version --short 2>/dev/null); then
        echo "compose.sh: docker compose $version answers"
    elif version=$(docker-compose version --short 2>/dev/null); then
        echo "compose.sh: docker-compose $version answers"
    else
        return 1
    fi
}

build() {
    mkdir -p "$PLUGINS"
    # Built in another folder and moved when it is complete.
    folder=$(mktemp -d "$PLUGINS/.build.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    CGO_ENABLED=0 GOBIN=$folder go install -trimpath \
        -ldflags "-s -w -X $MODULE/internal.Version=$VERSION" "$MODULE/cmd@$VERSION" \
        >"$folder/log" 2>&1 || {
        tail -n 5 "$folder/log" >&2
        return 1
    }
    mv "$folder/cmd" "$PLUGINS/docker-compose"
}

main "$@"
