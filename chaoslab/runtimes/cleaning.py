"""`chaoslab clean`: finds the leftovers of every runtime, and removes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from chaoslab.runtimes.kind import runtime_kind
from chaoslab.runtimes.leftovers import Found, Leftover, Search
from chaoslab.runtimes.table import TABLE

_AT_ONCE = 8


def find(*, images: bool = False, session: str = "") -> Found:
    """Find everything that dead labs left on this machine, and nothing of a running lab. Returns
    the leftovers, and notes on what was not checked or left alone.

    With `images`, superseded images are leftovers too. `session` names a session of a lab on
    another host that the user knows to be dead.
    """
    found, search = Found(), Search(images=images, session=session)
    for name in TABLE:
        part = runtime_kind(name).leftovers(search)
        found.leftovers += part.leftovers
        found.notes += part.notes
    return found


def removed(leftovers: Iterable[Leftover]) -> Iterator[tuple[Leftover, str]]:
    """Remove leftovers, several at once. Yields each leftover with why it still exists; with an
    empty text if it was removed.
    """
    ordered = sorted(leftovers, key=lambda leftover: leftover.turn)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        for turn in sorted({leftover.turn for leftover in ordered}):
            now = [leftover for leftover in ordered if leftover.turn == turn]
            yield from zip(now, threads.map(_remove, now), strict=True)


def _remove(leftover: Leftover) -> str:
    try:
        return leftover.remove()
    except Exception as error:  # one that fails must not keep the others
        return str(error) or type(error).__name__
