#!/bin/sh
# every_part.sh MAKE PART...: runs every part of the checks, also after one has failed, and lists at
# the end how long each took, which parts failed, and which of their tests and targets. Ends with 1 if
# any part failed.
set -u
MAKE=$1
shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=
for part in "$@"; do
    # The status of the part, not of tee, which a pipe would give.
    begun=$(date +%s)
    { "$MAKE" --no-print-directory "$part"; echo $? >"$work/status"; } 2>&1 | tee "$work/log"
    echo "$part took $(($(date +%s) - begun)) s" >>"$work/took"
    if [ "$(cat "$work/status")" -ne 0 ]; then
        failed="$failed $part"
        { echo "$part failed:"; grep -E '^(FAILED|ERROR) |^make.* \*\*\* \[' "$work/log" | sed 's/^/  /'; } >>"$work/failed"
    fi
done
echo
cat "$work/took"
if [ -n "$failed" ]; then
    cat "$work/failed"
    echo "failed parts:$failed"
    exit 1
fi
echo "all parts passed: $*"
