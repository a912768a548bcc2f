"""Whether the machine was too slow for an app's slowness to be told from it. Pure.

Slowness alone is excused: a deadline that was missed while the app waited for a core, or the lab
was late, for most of the time given, and what follows from such a start; and answers that came
late, or not at all, in such a stretch.
The bound is measured on 2 cores, with the good build beside up to eight busy processes. A start
that missed its deadline had waited for a core for at least 0.58 of it. After the first answer a
run whose prober gave up had a stretch with the lab late for at least 0.72 of it, most that passed
none above 0.22; the app itself waited for less than 0.36 of any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from chaoslab.history.events import (
    AnyEvent,
    AppStarved,
    Exited,
    HealthSample,
    LabLag,
    ProberSample,
    StartupComplete,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.spec.expect import (
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    NoRestarts,
    ReadyWhenServing,
    Recovers,
    Starts,
    StaysAvailable,
)
from chaoslab.spec.topology import App
from chaoslab.verdicts.timeline import (
    Span,
    answered_s,
    asked_s,
    fault_span,
    healthy_since,
    last_healed_s,
    life,
    started_by,
    watched_until_s,
)
from chaoslab.verdicts.verdict import Outcome, Verdict

TOO_MUCH = 0.5  # of the time
STRETCH_S = 1.5  # three answers at a prober's limit of half a second

Loss = tuple[Span, float]  # a time that was looked at, and the seconds that were lost in it


def starved(
    e: Expectation, app: App, history: History, judged: Callable[[History], Verdict]
) -> str:
    """Why a failure of `e` may be the machine's; empty where it is not, or where time does not
    matter: what an app acknowledged it must keep however slow it is.

    `judged` is what `e` would be judged by another history.
    """
    if isinstance(e, KeepsAcknowledged):
        return ""
    if isinstance(e, NoRestarts):
        return _ends(e, app, history)
    losses = list(_losses(e.app, getattr(e, "boot", None), history))
    for given, done_s in _given(e, app, history):
        if why := _too_much(given, losses, done_s):
            return why
    return _excused(app, history, losses, judged)


def _given(e: Expectation, app: App, history: History) -> Iterator[tuple[Span, float | None]]:
    """The times within which `e` wants something done, and when it was, or was given up: an app
    that was left alone for as long as it was given, all losses apart, had its time. None: unknown.
    """
    match e:
        case Starts() | FailsFast():
            yield from _start(e.app, e.boot, e.within_s, history)
        case Degrades():
            complete_s = started_by(history, e.app, e.boot)
            held = fault_span(history, e.fault)
            if complete_s is None or (held and complete_s > held.end_s):
                yield from _start(e.app, e.boot, app.deadlines.startup_s, history)
            else:
                begin_s = max(complete_s, asked_s(history, e.fault))
                yield Span(start_s=begin_s, end_s=begin_s + (e.within_s or 0.0)), None
        case StaysAvailable():
            # How a start-up ended decides what health says afterwards, and whether it was one.
            if e.healthy or _completed(e.app, e.boot, history) is None:
                yield from _start(e.app, e.boot, app.deadlines.startup_s, history)
        case Recovers() | ReadyWhenServing() | FirstRequestServed():
            if (healed_s := last_healed_s(history)) is not None:
                done_s = _healthy_s(e, healed_s, history) if isinstance(e, Recovers) else None
                yield Span(start_s=healed_s, end_s=healed_s + (e.within_s or 0.0)), done_s


def _ends(e: NoRestarts, app: App, history: History) -> str:
    """Empty where more boots than are accepted ended by themselves and had their time to start."""
    reasons = [
        _too_much(given, list(_losses(e.app, ended.boot, history)), done_s)
        for ended in history.of(Exited)
        if ended.app == e.app and not ended.asked
        for given, done_s in _start(e.app, ended.boot, app.deadlines.startup_s, history)
    ]
    return "" if reasons.count("") > e.at_most else next(filter(None, reasons), "")


def _start(
    app: str, boot: int, within_s: float | None, history: History
) -> Iterator[tuple[Span, float | None]]:
    if (lived := life(history, app, boot)) is None:
        return
    complete = _completed(app, boot, history)
    given = Span(start_s=lived.start_s, end_s=lived.start_s + (within_s or 0.0))
    yield given, complete.at_s if complete else lived.end_s


def _completed(app: str, boot: int, history: History) -> StartupComplete | None:
    return history.first(StartupComplete, lambda c: (c.app, c.boot) == (app, boot))


def _healthy_s(e: Recovers, healed_s: float, history: History) -> float:
    since = healthy_since(history, e.app, e.boot, healed_s)
    return answered_s(since) if since else watched_until_s(history, e.app, e.boot)


def _excused(
    app: App, history: History, losses: list[tuple[str, list[Loss]]],
    judged: Callable[[History], Verdict],
) -> str:  # fmt: skip
    """The first starved stretch, where nothing fails but by what was late in such a stretch."""
    stretches = list(_stretches(losses))
    if not stretches:
        return ""
    spans = [span for span, _ in stretches]
    limit_s = app.health.prober_timeout_s / 2
    late = [event for event in history.events if _is_late(event, app, limit_s, spans)]
    gone = set(map(id, late))
    kept = tuple(event for event in history.events if id(event) not in gone)
    if not late or judged(History(kept)).outcome is Outcome.FAIL:
        return ""
    return next(why for span, why in stretches if _is_late(late[0], app, limit_s, [span]))


def _is_late(event: AnyEvent, app: App, limit_s: float, stretches: Iterable[Span]) -> bool:
    """Whether it took long in a starved stretch; what came in time is the app's own doing."""
    if not isinstance(event, HealthSample | ProberSample | Write) or event.app != app.name:
        return False
    if event.took_s < limit_s:
        return False
    over_s = event.at_s + event.took_s
    return any(span.start_s < over_s and event.at_s < span.end_s for span in stretches)


def _stretches(losses: list[tuple[str, list[Loss]]]) -> Iterator[tuple[Span, str]]:
    """Every stretch in which too much was lost, and why."""
    for who, each in losses:
        for at, _ in each:
            stretch = Span(start_s=at.start_s, end_s=at.start_s + STRETCH_S)
            if why := _too_much(stretch, [(who, each)]):
                yield stretch, why


def _too_much(
    span: Span, losses: Iterable[tuple[str, list[Loss]]], done_s: float | None = None
) -> str:
    """Why too much of the time was lost; empty where it was not, or where there was enough besides
    until `done_s`.
    """
    long_s = span.end_s - span.start_s
    for who, each in losses:
        lost_s = _within(span, each)
        if done_s is not None:
            taken_s = done_s - span.start_s
            if taken_s - _within(replace(span, end_s=done_s), each) > long_s:
                continue
        if lost_s > TOO_MUCH * long_s:
            when = f"between {span.start_s:.3f} and {span.end_s:.3f} s"
            return f"{who} for {lost_s:.3f} s {when}: slowness cannot be told from this machine's"
    return ""


def _losses(app: str, boot: int | None, history: History) -> Iterator[tuple[str, list[Loss]]]:
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


def _within(span: Span, each: Iterable[Loss]) -> float:
    """The seconds lost in `span`, each loss spread evenly over the time in which it was."""
    lost_s = 0.0
    for at, seconds in each:
        shared_s = min(span.end_s, at.end_s) - max(span.start_s, at.start_s)
        if shared_s > 0:
            lost_s += seconds * shared_s / (at.end_s - at.start_s)
    return lost_s
