"""How long an app waited for a core, and how late the lab was, as far as measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaoslab.evidence.timeline import Span
from chaoslab.history.events import AppStarved, LabLag
from chaoslab.history.journal import History

Loss = tuple[Span, float]  # a time that was looked at, and the seconds that were lost in it


def waited_s(history: History, app: str, boot: int, since_s: float, until_s: float) -> float:
    """For how long that boot waited for a core in that time, as far as it was measured."""
    (_, waits), _ = losses_of(app, boot, history)
    return lost_in(Span(start_s=since_s, end_s=until_s), waits)


def losses_of(app: str, boot: int | None, history: History) -> Iterator[tuple[str, list[Loss]]]:
    """Who lost time: the app, when it was looked at, and the lab, just before it woke."""
    yield (
        f"{app} waited for a core",
        [
            (Span(start_s=look.at_s - look.over_s, end_s=look.at_s), look.waited_s)
            for look in history.of(AppStarved)
            if look.app == app and boot in (None, look.boot) and look.over_s > 0
        ],
    )
    yield (
        "the lab itself was late",
        [
            (Span(start_s=lag.at_s - lag.late_s, end_s=lag.at_s), lag.late_s)
            for lag in history.of(LabLag)
        ],
    )


def lost_in(span: Span, each: Iterable[Loss]) -> float:
    """The seconds lost in `span`, each loss spread evenly over the time in which it was."""
    lost_s = 0.0
    for at, seconds in each:
        shared_s = min(span.end_s, at.end_s) - max(span.start_s, at.start_s)
        if shared_s > 0:
            lost_s += seconds * shared_s / (at.end_s - at.start_s)
    return lost_s
