"""The lab's own trouble while it asks: it has no descriptor, port or memory for a connection.

The app was never asked then, so it is no answer of the app's. Source: connect(2) and socket(2).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from chaoslab.history.events import LabTrouble
from chaoslab.history.journal import Journal

PART = "the lab's own requests"
AGAIN_S = 1.0  # the same trouble is written down once in this time, and not for each request
_OWN = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}
)  # fmt: skip


class NotAsked(Exception):
    """The lab could not send a request, for a reason of its own; the history has it."""


def own_trouble(error: BaseException) -> str:
    """Why a failed request is the lab's own trouble, and not the app's; empty where it is not."""
    for each in _causes(error):
        if isinstance(each, OSError) and each.errno in _OWN:
            return f"{os.strerror(each.errno)} ({errno.errorcode[each.errno]})"
    return ""


def note_own_trouble(journal: Journal, why: str) -> None:
    """Write it down, unless the same was written a moment ago."""
    what, at_s = f"a connection could not be opened: {why}", journal.now()
    last = journal.history.last(LabTrouble, lambda each: (each.part, each.what) == (PART, what))
    if last is None or at_s - last.at_s >= AGAIN_S:
        journal.append(LabTrouble(at_s=at_s, part=PART, what=what))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what is grouped in it; each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
        waiting += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
