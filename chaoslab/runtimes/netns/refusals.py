"""Why this machine refused namespaces, as far as its settings show it, and what fixes that."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

_FORBID = {
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
        "1", "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    ),
    "/proc/sys/kernel/unprivileged_userns_clone": (
        "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    ),
}  # fmt: skip
_LIMITS = tuple(f"max_{kind}_namespaces" for kind in ("user", "net", "pid", "mnt"))
_ENOUGH = 15000
# What unshare(1) prints, and what the first process of the namespaces prints.
_NO_ROOM = tuple(
    f"{what}: {os.strerror(errno.ENOSPC)}" for what in ("unshare failed", "a network namespace")
)


def limit_reached(cause: str) -> tuple[str, str] | None:
    """The cause with the limit that stopped it, and the command that raises the limit.

    None if the cause is not a limit of the number of namespaces. Which of the limits was reached
    cannot be observed, so the lowest is named.
    """
    limits = dict(_limits())
    if not limits or not cause.endswith(_NO_ROOM):
        return None
    name = min(limits, key=lambda each: limits[each])
    more = max(_ENOUGH, 2 * limits[name])
    return (
        f"{cause}: a limit of namespaces is reached (the lowest: user.{name} = {limits[name]})",
        f"sudo sysctl -w user.{name}={more}; `lsns` lists what holds namespaces",
    )


def fix() -> str:
    """The command for the first setting of this machine that forbids namespaces."""
    for path, (forbids, command) in _FORBID.items():
        try:
            if Path(path).read_text().strip() == forbids:
                return command
        except OSError:
            continue
    return (
        "allow user namespaces here (a Docker container: --security-opt seccomp=unconfined"
        " --security-opt systempaths=unconfined), or use --chaos-runtime=loopback"
    )


def _limits() -> Iterator[tuple[str, int]]:
    for name in _LIMITS:
        try:
            yield name, int(Path("/proc/sys/user", name).read_text())
        except OSError:
            continue
