"""Finds and heals faults that dead labs left in force on external proxies."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.attach.api import ProxyApi
from chaoslab.runtimes.attach.lease import Held, Lease, LeaseRecord, lease_paths
from chaoslab.runtimes.leftovers import Found, Leftover


def find() -> Found:
    """Find the leases of dead labs: each is a Leftover in the result. A running lab is only
    mentioned in a note. Sends no request.
    """
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
        lease.release()
        if lease.left is not None:
            found.leftovers.append(_leftover(path, lease.left))
    return found


def heal(record: LeaseRecord) -> None:
    """Heal everything that a lab's record lists as in force, the newest first.

    Raises RuntimeUnavailable if the proxy server does not answer, or if a toxic or a disabled proxy
    remains.
    """
    if not record.in_force:
        return
    with ProxyApi(record.api) as api:
        for fault in reversed(record.in_force):
            api.heal(fault)


def _leftover(path: Path, record: LeaseRecord) -> Leftover:
    what = ", ".join(map(str, record.in_force)) or "nothing in force"
    return Leftover(
        what=f"at Toxiproxy {record.api}: {what}, by {record} (which no longer runs)",
        remove=partial(_remove, path),
    )


def _remove(path: Path) -> str:
    """Take the lease with the file `path` again, heal the faults in its record, and delete the
    record.

    Returns why that was not possible, or the empty string. The lease is taken again since a run may
    have taken it in the meantime.
    """
    try:
        lease = Lease.take(path)
    except Held as held:
        return f"now used by {held.record or 'another lab'}"
    try:
        if lease.left is not None:
            heal(lease.left)
    except BaseException:
        lease.release()
        raise
    lease.end()
    return ""
