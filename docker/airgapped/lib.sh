# Read by the scripts beside it: how they fail, and how they get root.

fail() { # fail WHAT MEND [STATUS]
    printf '%s: %s\n  fix: %s\n' "$(basename "$0")" "$1" "$2" >&2
    exit "${3:-1}"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

as_root() { # the command itself where we are root, else through a sudo that asks for nothing
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() { # true where packages can be installed: root (or sudo) and apt
    have apt-get && { [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}

install_packages() { # what apt says is shown only if it fails
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

engine_answers() { # a hung engine answers as little as none
    have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

require_engine() {
    engine_answers || fail "no Docker engine answers" "sh $HERE/engine.sh"
}
