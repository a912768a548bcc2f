"""What dead labs have left in force on proxies that are not theirs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.attach.api import ProxyApi
from chaoslab.runtimes.attach.lease import Held, Lease, LeaseRecord, lease_paths
from chaoslab.runtimes.leftovers import Found, Leftover


def find() -> Found:
    """Every lease whose lab is gone; those of living labs are noted. Asks no server."""
    found = Found()
    for path in lease_paths():
        try:
            lease = Lease.take(path)
        except Held as held:
            found.notes.append(f"left alone: {held.record or path}, which is running")
            continue
        except RuntimeUnavailable as error:
            found.notes.append(str(error))
            continue
        lease.let_go()
        if lease.left is not None:
            found.leftovers.append(_leftover(path, lease.left))
    return found


def taken_back(record: LeaseRecord) -> None:
    """Take back, newest first, what a lab has written down as in force, and see that it is gone.

    Raises RuntimeUnavailable where the proxy server does not answer.
    """
    if not record.in_force:
        return
    with ProxyApi(record.api) as api:
        for trace in reversed(record.in_force):
            api.take_back(trace)


def _leftover(path: Path, record: LeaseRecord) -> Leftover:
    what = ", ".join(map(str, record.in_force)) or "nothing in force"
    return Leftover(
        what=f"at Toxiproxy {record.api}: {what}, by {record} (which no longer runs)",
        remove=partial(_remove, path),
    )


def _remove(path: Path) -> str:
    """Looked at once more under the lock: a run may have come before."""
    try:
        lease = Lease.take(path)
    except Held as held:
        return f"now used by {held.record or 'another lab'}"
    try:
        if lease.left is not None:
            taken_back(lease.left)
    except BaseException:
        lease.let_go()
        raise
    lease.end()
    return ""
