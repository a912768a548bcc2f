"""Whether the machine was too slow for an app's slowness to be told from it. Pure.

Both bounds are measured on 2 cores, of the good build beside up to eight busy processes. A start
that kept its deadline had waited at most 0.41 of it for a core, one that missed it at least 0.58.
After the first answer the worst stretch of a run that passed had the lab late for at most 0.22 of
it, that of a run whose prober gave up for at least 0.72; the app's own wait was below 0.34 in all.
"""

from __future__ import annotations

from collections.abc import Iterable

from chaoslab.history.events import AppStarved, FirstAnswer, LabLag, Spawned
from chaoslab.history.journal import History
from chaoslab.spec.expect import Expectation, FailsFast, KeepsAcknowledged, NoRestarts, Starts
from chaoslab.verdicts.timeline import Span, life

TOO_MUCH = 0.5  # of the time
STRETCH_S = 1.5  # three answers at a prober's limit of half a second


def starved(e: Expectation, history: History) -> str:
    """Why a failure of `e` may be the machine's; empty where it is not, or where time does not
    matter: what an app acknowledged it must keep however slow it is.
    """
    match e:
        case KeepsAcknowledged():
            return ""
        case Starts() | FailsFast():
            return _start(e.app, e.boot, e.within_s, history)
        case NoRestarts():
            begun = [s.boot for s in history.of(Spawned) if s.app == e.app]
            reasons = (_start(e.app, boot, None, history) for boot in begun)
            return next(filter(None, reasons), "")
    return _stretch(e.app, getattr(e, "boot", None), history)


def _start(app: str, boot: int, within_s: float | None, history: History) -> str:
    """By the whole of the time that it was given, or else that it lived."""
    lived = life(history, app, boot)
    if lived is None:
        return ""
    end_s = lived.end_s if within_s is None else lived.start_s + within_s
    given = Span(start_s=lived.start_s, end_s=end_s)
    waited_s = _within(given, _app(app, boot, history))
    if waited_s > TOO_MUCH * (end_s - lived.start_s):
        return _because(f"{app} waited {waited_s:.3f} s for a core", given)
    return ""


def _stretch(app: str, boot: int | None, history: History) -> str:
    """By the worst stretch since the app first answered."""
    first = history.first(FirstAnswer, lambda a: a.app == app and boot in (None, a.boot))
    if first is None:
        return ""
    waits = list(_app(app, boot, history))
    lags = [Span(start_s=x.at_s - x.late_s, end_s=x.at_s) for x in history.of(LabLag)]
    lags_s = [(span, span.end_s - span.start_s) for span in lags]
    for who, each in ((f"{app} waited for a core", waits), ("the lab itself was late", lags_s)):
        for span, _ in each:
            stretch = Span(start_s=span.start_s, end_s=span.start_s + STRETCH_S)
            lost_s = _within(stretch, each) if span.start_s >= first.at_s else 0.0
            if lost_s > TOO_MUCH * STRETCH_S:
                return _because(f"{who} for {lost_s:.3f} s", stretch)
    return ""


def _because(what: str, span: Span) -> str:
    when = f"between {span.start_s:.3f} and {span.end_s:.3f} s"
    return f"{what} {when}: its slowness cannot be told from this machine's"


def _app(app: str, boot: int | None, history: History) -> Iterable[tuple[Span, float]]:
    """When the app's waits were looked at, and how long they were in that time."""
    for look in history.of(AppStarved):
        if look.app == app and boot in (None, look.boot) and look.over_s > 0:
            yield Span(start_s=look.at_s - look.over_s, end_s=look.at_s), look.waited_s


def _within(span: Span, each: Iterable[tuple[Span, float]]) -> float:
    """The seconds lost in `span`, each loss spread evenly over the time in which it was."""
    return sum(
        lost_s
        * max(0.0, min(span.end_s, at.end_s) - max(span.start_s, at.start_s))
        / (at.end_s - at.start_s)
        for at, lost_s in each
    )
