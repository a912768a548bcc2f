# Functions for the scripts in this folder: failing with a fix, and getting root.

fail() { # fail WHAT FIX [STATUS]
    printf '%s: %s\n  fix: %s\n' "$(basename "$0")" "$1" "$2" >&2
    exit "${3:-1}"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

as_root() { # runs a command as root: directly, or with a sudo that needs no password
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() { # whether packages can be installed: root (or sudo) and apt
    have apt-get && { [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}

install_packages() { # prints the output of apt only if it fails
    log=$(mktemp)
    if as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' - "$@" \
        >"$log" 2>&1 </dev/null
    then
        rm -f "$log"
        return 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
    return 1
}

engine_answers() { # within 10 s, since an engine may hang
    have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

require_engine() {
    engine_answers || fail "no Docker engine answers" "sh $HERE/engine.sh"
}
