"""Failures of the lab itself when it sends a request: no file descriptor, port or memory is left.

The app then received no request, so this never counts as "the app did not answer".
Source: connect(2) and socket(2).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from chaoslab.history.events import LabTrouble
from chaoslab.history.journal import Journal
from chaoslab.network import NotHanded

PART = "the lab's own requests"
AGAIN_S = 1.0  # the same failure is recorded at most once in this time, not for each request
_OWN = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}
)  # fmt: skip


class NotAsked(Exception):
    """The lab failed to send a request. The history has the reason."""


def lab_trouble(error: BaseException) -> str:
    """Why a failed request is a failure of the lab itself, in words; empty if it may be the app's
    failure.
    """
    for each in _causes(error):
        if isinstance(each, NotHanded):
            return str(each)
        if isinstance(each, OSError) and each.errno in _OWN:
            return f"{os.strerror(each.errno)} ({errno.errorcode[each.errno]})"
    return ""


def note_lab_trouble(journal: Journal, why: str) -> None:
    """Record a failure of the lab, `why`, unless the same one was recorded less than `AGAIN_S`
    ago.
    """
    what, at_s = f"a connection could not be opened: {why}", journal.now()
    last = journal.history.last(LabTrouble, lambda each: (each.part, each.what) == (PART, what))
    if last is None or at_s - last.at_s >= AGAIN_S:
        journal.append(LabTrouble(at_s=at_s, part=PART, what=what))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its causes and the members of its groups; each once."""
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
