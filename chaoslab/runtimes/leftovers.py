"""What dead labs left on this machine, of every runtime, and how it is taken away.

A lab's dead-man's switch is quicker than this; what is found here outlived the switch as well, by
a reboot, a killed process group or an engine that was down. Living labs are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that a dead lab left.

    `take_away` removes it and says why it is still there, or the empty string. What has a higher
    `turn` is taken away after all that has a lower one.
    """

    what: str
    take_away: Callable[[], str]
    turn: int = 0


@dataclass(slots=True, kw_only=True)
class Found:
    """Everything that was found, and what was not looked at or left alone, with the reason."""

    leftovers: list[Leftover] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def taken_away(leftovers: Iterable[Leftover]) -> Iterator[tuple[Leftover, str]]:
    """Take them away, several at once; each with why it is still there (empty when it is gone)."""
    ordered = sorted(leftovers, key=lambda leftover: leftover.turn)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        for turn in sorted({leftover.turn for leftover in ordered}):
            now = [leftover for leftover in ordered if leftover.turn == turn]
            yield from zip(now, threads.map(_take_away, now), strict=True)


def _take_away(leftover: Leftover) -> str:
    try:
        return leftover.take_away()
    except Exception as error:  # one that fails must not keep the others
        return str(error) or type(error).__name__
