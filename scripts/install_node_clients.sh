#!/bin/sh
# install_node_clients.sh: installs the client libraries of the Node services in field/, as their lock
# files name them. Where npm is missing or a package cannot be had, one line says so, and it succeeds:
# those services are skipped (and counted). A second call finds what the first one installed.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then
    echo "node clients: not installed, because no npm is on PATH"
    exit 0
fi
for lock in field/*/package-lock.json; do
    folder=$(dirname "$lock")
    installed=$folder/node_modules/.package-lock.json # npm writes it last
    if [ "$installed" -nt "$lock" ]; then
        echo "node clients: already in $folder"
    elif timeout 120 npm ci --prefix "$folder" --prefer-offline --ignore-scripts --no-audit --no-fund --silent; then
        echo "node clients: installed in $folder"
    else
        echo "node clients: npm could not install those of $folder"
    fi
done
