#!/bin/sh
# Builds a real Toxiproxy 2.12.0 into the folder given, as toxiproxy-server and toxiproxy-cli.
# Needs a Go toolchain; without one it says so and succeeds, because the checks that want a real
# Toxiproxy skip (and count) themselves. A second call finds what the first one built.
set -eu

version=2.12.0
module=github.com/Shopify/toxiproxy/v2

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER   (installs toxiproxy-server and toxiproxy-cli there)" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)

if [ -x "$folder/toxiproxy-cli" ] &&
    [ "$("$folder/toxiproxy-server" --version 2>/dev/null)" = "toxiproxy-server version $version" ]; then
    echo "toxiproxy $version: already in $folder"
    exit 0
fi

go=$(command -v go || true)
if [ -z "$go" ] && [ -x /usr/local/go/bin/go ]; then
    go=/usr/local/go/bin/go
fi
if [ -z "$go" ]; then
    echo "toxiproxy: not installed, because no Go toolchain is on PATH or in /usr/local/go"
    exit 0
fi

# Built beside their place and moved there whole, so that a broken build leaves nothing half done.
build=$(mktemp -d "$folder/.toxiproxy.XXXXXX")
trap 'rm -rf "$build"' EXIT
trap 'exit 130' INT TERM
for part in server cli; do
    # Without the version in the binary, /version would answer "git".
    GOBIN="$build" CGO_ENABLED=0 "$go" install \
        -ldflags "-X $module.Version=$version" "$module/cmd/$part@v$version"
done
mv "$build/cli" "$folder/toxiproxy-cli"
mv "$build/server" "$folder/toxiproxy-server"
echo "toxiproxy $version: installed in $folder"
