"""The boots of an app that its supervisor restarted, seen as one. Claims about the app, and not
about one process, are judged by that. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from chaoslab.evidence.timeline import Span
from chaoslab.history.events import AnyEvent, BootEvent, Exited, Spawned
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason


def _restarted_text(data: Mapping[str, Any]) -> str:
    under, after = (_times(data[name]) for name in ("under", "after"))
    return f"its supervisor restarted it {under} before the heal and {after} after it"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


RESTARTED = Code(
    "recovery.restarted",
    _restarted_text,
    "How often the app's supervisor restarted it: between the boot and the heal (`under`), and "
    "after the heal.",
    data=("under", "after"),
)


def restarted(app: str, boot: int, history: History) -> list[Spawned]:
    """The restarts by the app's supervisor that follow the boot, in order. Empty if the next boot
    is one of the plan.
    """
    later = (s for s in history.of(Spawned) if s.app == app and s.boot > boot)
    return [*takewhile(lambda spawn: spawn.restart, later)]


def as_one_boot(app: str, boot: int, history: History, *, to_the_end: bool) -> History:
    """The history in which the boot and the restarts that follow it are one boot, with its number
    and with the process of the last.

    It has no exit between two of them. With `to_the_end` it has none at its end either, unless the
    lab stopped the app, or the plan starts it again: users still ask an app that is down.
    """
    again = restarted(app, boot, history)
    numbers = {boot, *(spawn.boot for spawn in again)}
    last = max(numbers)
    ends = not to_the_end or any(s.app == app and s.boot > last for s in history.of(Spawned))
    kept: list[AnyEvent] = []
    for event in history.events:
        if not isinstance(event, BootEvent) or event.app != app or event.boot not in numbers:
            kept.append(event)
        elif isinstance(event, Spawned):
            if event.boot == boot:
                kept.append(replace(event, pid=again[-1].pid) if again else event)
        elif not isinstance(event, Exited) or event.asked or (ends and event.boot == last):
            kept.append(replace(event, boot=boot))
    return History(tuple(kept))


def boot_at(app: str, boot: int, at_s: float, history: History) -> int:
    """The number of the newest of these boots at the time `at_s`: `boot` itself, or a restart that
    follows it.
    """
    begun = [s.boot for s in restarted(app, boot, history) if s.at_s <= at_s]
    return begun[-1] if begun else boot


def restarted_by_supervisor(again: Sequence[Spawned], span: Span) -> Iterator[Reason]:
    """Yields the reason that says how often the app's supervisor restarted it. `span` begins at the
    last heal. Yields nothing without restarts.
    """
    if again:
        after = sum(spawn.at_s >= span.start_s for spawn in again)
        yield RESTARTED(under=len(again) - after, after=after)
