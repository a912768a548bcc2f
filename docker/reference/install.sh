#!/bin/sh
# Installs the requirements beside this file into FOLDER: from the wheels where there are some, else
# from pip's index.
set -eu
cd "$(dirname "$0")"
if ls wheels/*.whl >/dev/null 2>&1; then
    set -- "$1" --no-index --find-links wheels
fi
folder=$1
shift
python -m pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --root-user-action=ignore --target "$folder" --requirement requirements.txt "$@" || {
    if [ $# -gt 0 ]; then
        echo "the wheels in docker/reference/wheels do not fit $(python --version)" >&2
        echo "  fix: run docker/airgapped/wheels.sh again, or empty that folder" >&2
    else
        echo "pip could not reach its index from within the build" >&2
        echo "  fix: run docker/airgapped/wheels.sh, which fetches the wheels on the host" >&2
    fi
    exit 1
}
