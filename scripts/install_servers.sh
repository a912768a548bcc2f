#!/bin/sh
# install_servers.sh PACKAGE...: installs what the tests need from the system's packages, where root
# and apt can be had, and starts no server of them. Ends with 0 and one line, or with 3 and one that says why.
set -eu
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "install_servers.sh: packages cannot be installed here (that takes root and apt)"
    exit 3
fi
# A package that starts its server would hold the port of a lab's own.
policy=/usr/sbin/policy-rc.d
mine=
if [ ! -e "$policy" ]; then
    mine=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
trap '[ -z "$mine" ] || rm -f "$policy"' EXIT
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
if install "$@" || { apt-get update -qq >/dev/null && install "$@"; }; then
    echo "install_servers.sh: $* installed"
else
    echo "install_servers.sh: $* could not be installed"
    exit 3
fi
