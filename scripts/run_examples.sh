#!/bin/sh
# run_examples.sh FOLDER...: runs the cells of one fault of each example, as a user would. Each is a
# gate: what it accepts stands in its chaoslab.toml. What is not installed is skipped, with the reason.
set -u
cd "$(dirname "$0")/.." || exit 1
status=0
for folder in "$@"; do
    if [ ! -e "$folder/.installed" ]; then
        echo "examples: $folder: skipped, it could not be installed"
    elif ! (cd "$folder" && chaoslab run --fault refused --workers 2); then
        echo "examples: $folder: not as its chaoslab.toml accepts it"
        status=1
    fi
done
exit "$status"
