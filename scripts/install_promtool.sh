#!/bin/sh
# Puts promtool, out of the system's package prometheus, into the folder given. The package is
# unpacked and not installed: that takes no root, and starts no service. Where it cannot be had, one
# line says so and the script succeeds, because what needs promtool skips (and counts) itself.
set -eu
if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER   (puts promtool there)" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
found=$(PATH="$folder:$PATH" command -v promtool || true)
if [ -n "$found" ]; then
    echo "promtool: already in $(dirname "$found")"
    exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "promtool: not installed, because there is no apt"
    exit 0
fi
# Unpacked beside its place and moved there whole, so that a broken one is never found.
work=$(mktemp -d "$folder/.promtool.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
unpack() {
    rm -f "$work"/*.deb
    (cd "$work" && timeout 60 apt-get download -qq prometheus) &&
        dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" ./usr/bin/promtool
}
update() { # the lists of packages may be missing or old; only root can bring new ones
    [ "$(id -u)" -eq 0 ] && timeout 60 apt-get update -qq
}
if { unpack || { update && unpack; }; } >/dev/null 2>&1; then
    mv "$work/usr/bin/promtool" "$folder/promtool"
    echo "promtool: installed in $folder"
else
    echo "promtool: not installed, because the package prometheus could not be downloaded"
fi
