"""Measured losses of time: an app's waits for a CPU core, and times in which the lab was late.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaoslab.evidence.timeline import Span
from chaoslab.history.events import AppStarved, LabLag
from chaoslab.history.journal import History

Loss = tuple[Span, float]  # a measured time, and how many of its seconds were lost


def waited_s(history: History, app: str, boot: int, since_s: float, until_s: float) -> float:
    """The seconds that the boot waited for a core between `since_s` and `until_s`, as far as
    measured.
    """
    (_, waits), _ = losses_of(app, boot, history)
    return lost_in(Span(start_s=since_s, end_s=until_s), waits)


def losses_of(app: str, boot: int | None, history: History) -> Iterator[tuple[str, list[Loss]]]:
    """Yields two pairs: the app's name with its waits for a core, and an empty name with the times
    in which the lab was late. If `boot` is None, the waits of all boots.
    """
    yield (
        app,
        [
            (Span(start_s=look.at_s - look.over_s, end_s=look.at_s), look.waited_s)
            for look in history.of(AppStarved)
            if look.app == app and boot in (None, look.boot) and look.over_s > 0
        ],
    )
    yield (
        "",
        [
            (Span(start_s=lag.at_s - lag.late_s, end_s=lag.at_s), lag.late_s)
            for lag in history.of(LabLag)
        ],
    )


def lost_in(span: Span, each: Iterable[Loss]) -> float:
    """The number of seconds of `span` that were lost by the losses `each`. Each loss counts as
    spread evenly over its own time.
    """
    lost_s = 0.0
    for at, seconds in each:
        shared_s = min(span.end_s, at.end_s) - max(span.start_s, at.start_s)
        if shared_s > 0:
            lost_s += seconds * shared_s / (at.end_s - at.start_s)
    return lost_s
