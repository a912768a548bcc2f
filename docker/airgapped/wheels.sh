#!/bin/sh
# Downloads the wheels of the reference backend's image into docker/reference/wheels, with the host's pip, so
# that the build needs no index. They are for the Python version of the image $CHAOSLAB_IMAGE_PYTHON.
set -eu
HERE=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
REFERENCE=$HERE/../reference
[ ! -f "$HERE/images.env" ] || [ -n "${CHAOSLAB_IMAGE_PYTHON:-}" ] || . "$HERE/images.env"
IMAGE=${CHAOSLAB_IMAGE_PYTHON:-python:3.12-slim-bookworm}

require_engine
# The project's own Python first: Debian's comes without pip.
for host_python in "$HERE/../../.venv/bin/python" python3; do
    if "$host_python" -m pip --version >/dev/null 2>&1; then break; fi
    host_python=
done
[ -n "$host_python" ] || fail "no Python with pip on the host" "make .venv/.ready"

found=$(docker run --rm --entrypoint python "$IMAGE" -c \
    'import platform, sys; print("%d.%d" % sys.version_info[:2], platform.machine())') ||
    fail "$IMAGE cannot be run" "sh $HERE/images.sh"
version=${found% *} machine=${found#* }

stamp="$version $machine $(cat "$0" "$REFERENCE/requirements.txt" | sha256sum | cut -c1-16)"
if [ "$(cat "$REFERENCE/wheels/.stamp" 2>/dev/null)" = "$stamp" ]; then
    echo "wheels.sh: the wheels for Python $version are up to date"
    exit 0
fi
rm -f "$REFERENCE/wheels"/*.whl "$REFERENCE/wheels/.stamp"
# pip evaluates the conditions of a requirement for its own Python, not for --python-version: redis
# requires async-timeout on Python before 3.11.3, such as Debian's.
"$host_python" -m pip download --quiet --disable-pip-version-check --only-binary=:all: \
    --python-version "$version" --implementation cp \
    --platform "manylinux2014_$machine" --platform "manylinux_2_17_$machine" \
    --platform "manylinux_2_28_$machine" \
    --dest "$REFERENCE/wheels" --requirement "$REFERENCE/requirements.txt" async-timeout || {
    rm -f "$REFERENCE/wheels"/*.whl
    fail "the wheels could not be downloaded" "let pip on this host reach an index, then run $0 again"
}
printf '%s\n' "$stamp" >"$REFERENCE/wheels/.stamp"
echo "wheels.sh: the wheels for Python $version are in docker/reference/wheels"
