"""`chaoslab clean`: the leftovers of every runtime, in one list."""

from __future__ import annotations

from chaoslab.runtimes.attach import leftovers as attached
from chaoslab.runtimes.containers import leftovers as containers
from chaoslab.runtimes.leftovers import Found, taken_away
from chaoslab.runtimes.local import leftovers as local

__all__ = ["find", "taken_away"]


def find(*, images: bool = False, session: str = "") -> Found:
    """Everything that dead labs left on this machine; with `images` superseded images too.

    `session` is one that cannot be seen from here and that the user knows to be dead.
    """
    found = Found()
    for part in (attached.find(), local.find(), containers.find(images=images, session=session)):
        found.leftovers += part.leftovers
        found.notes += part.notes
    return found
