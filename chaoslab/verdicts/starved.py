"""Whether the machine was too slow for an app's slowness to be told from it. Pure.

Slowness alone is excused: a deadline that was missed by no more than the app waited for a core; one
that was missed while it waited, or the lab was late, for most of the time given, and what follows
from such a start; and answers that came late, or not at all, in such a stretch.
The bound is measured on 2 cores, with the good build beside up to eight busy processes. A start
that missed its deadline had waited for a core for at least 0.58 of it. After the first answer a
run whose prober gave up had a stretch with the lab late for at least 0.72 of it, most that passed
none above 0.22; the app itself waited for less than 0.36 of any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from chaoslab.history.events import (
    AnyEvent,
    AppStarved,
    Bound,
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
    RefusesHonestly,
    Starts,
    StaysAvailable,
)
from chaoslab.spec.topology import App
from chaoslab.verdicts import settling
from chaoslab.verdicts.settling import may_settle
from chaoslab.verdicts.timeline import (
    Span,
    answered_s,
    asked_s,
    exited,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A time within which something was to be done, and when it was, or was given up.

    `own`: not a bound of the plan but the app's own limit, by which it may have ended itself; its
    clock may run only from `since_s` on, so that waits before it do not explain that it was missed.
    """

    span: Span
    done_s: float | None = None
    own: bool = False
    since_s: float | None = None


def starved(
    e: Expectation, app: App, history: History, judged: Callable[[History], Verdict]
) -> str:
    """Why a failure of `e` may be the machine's; empty where it is not, or where time does not
    matter: what an app acknowledged it must keep, and what it answers is its own, however slow it
    is.

    `judged` is what `e` would be judged by another history.
    """
    if isinstance(e, KeepsAcknowledged | RefusesHonestly):
        return ""
    if isinstance(e, NoRestarts):
        return _ends(e, app, history)
    losses = list(_losses(e.app, getattr(e, "boot", None), history))
    for given in _given(e, app, history):
        if why := _lacked(given, losses):
            return why
    return _excused(app, history, losses, judged)


def waited_s(history: History, app: str, boot: int, since_s: float, until_s: float) -> float:
    """For how long that boot waited for a core in that time, as far as it was measured."""
    (_, waits), _ = _losses(app, boot, history)
    return _within(Span(start_s=since_s, end_s=until_s), waits)


def _lacked(given: Given, losses: list[tuple[str, list[Loss]]]) -> str:
    """Why the app may have lacked time of what it was given; empty where it had it."""
    if not given.own and (why := _too_much(given.span, losses, given.done_s)):
        return why
    return _explained(given, losses[:1])  # a lab that is late takes no time from the app


def _explained(given: Given, losses: list[tuple[str, list[Loss]]]) -> str:
    """Why a limit that was missed would have been kept without the waits; empty where it would
    not, or was not missed.
    """
    span, done_s = given.span, given.done_s
    if done_s is None or done_s <= span.end_s:
        return ""
    for who, each in losses:
        since_s = span.start_s if given.since_s is None else given.since_s
        lost_s = _within(Span(start_s=since_s, end_s=done_s), each)
        if lost_s > 0 and done_s - lost_s <= span.end_s:
            took_s, long_s = done_s - span.start_s, span.end_s - span.start_s
            if given.own:
                return (
                    f"{who} for {lost_s:.3f} s from {since_s:.3f} s on, and ended itself after "
                    f"{took_s:.3f} s: without that it may have kept a limit of its own (gives_up_s)"
                )
            return (
                f"{who} for {lost_s:.3f} s of the {took_s:.3f} s that it took: without that it may"
                f" have kept the limit of {long_s:g} s"
            )
    return ""


def _given(e: Expectation, app: App, history: History) -> Iterator[Given]:
    """The times within which `e` wants something done: an app that was left alone for as long as it
    was given, all losses apart, had its time.
    """
    startup_s, gives_up_s = app.deadlines.startup_s, app.deadlines.gives_up_s
    match e:
        case Starts() | FailsFast():
            for given in _start(e.app, e.boot, e.within_s, gives_up_s, history):
                came_s = None if given.own else _came_s(e, history)
                yield given if came_s is None else replace(given, done_s=came_s)
        case Degrades():
            complete_s = started_by(history, e.app, e.boot)
            held = fault_span(history, e.fault)
            if complete_s is None or (held and complete_s > held.end_s):
                yield from _start(e.app, e.boot, startup_s, gives_up_s, history)
            else:
                begin_s = max(complete_s, asked_s(history, e.fault))
                yield Given(span=Span(start_s=begin_s, end_s=begin_s + (e.within_s or 0.0)))
        case StaysAvailable():
            # How a start-up ended decides what health says afterwards, and whether it was one.
            if e.healthy or _completed(e.app, e.boot, history) is None:
                yield from _start(e.app, e.boot, startup_s, gives_up_s, history)
        case Recovers() | ReadyWhenServing() | FirstRequestServed():
            if (healed_s := last_healed_s(history)) is not None:
                done_s = _healthy_s(e, healed_s, history) if isinstance(e, Recovers) else None
                span = Span(start_s=healed_s, end_s=healed_s + (e.within_s or 0.0))
                yield Given(span=span, done_s=done_s)


def _ends(e: NoRestarts, app: App, history: History) -> str:
    """Empty where more boots than are accepted ended by themselves and had their time to start."""
    reasons = [
        _first_reason(e.app, ended.boot, app, history)
        for ended in history.of(Exited)
        if ended.app == e.app and not ended.asked
    ]
    return "" if reasons.count("") > e.at_most else next(filter(None, reasons), "")


def _first_reason(name: str, boot: int, app: App, history: History) -> str:
    losses = list(_losses(name, boot, history))
    limits = app.deadlines
    given = _start(name, boot, limits.startup_s, limits.gives_up_s, history)
    return next(filter(None, (_lacked(each, losses) for each in given)), "")


def _start(
    app: str, boot: int, within_s: float | None, gives_up_s: float | None, history: History
) -> Iterator[Given]:
    """The bound of a start; and, of one that the app itself ended, the app's own limit."""
    if (lived := life(history, app, boot)) is None:
        return
    complete, ended = _completed(app, boot, history), exited(history, app, boot)
    span = Span(start_s=lived.start_s, end_s=lived.start_s + (within_s or 0.0))
    yield Given(span=span, done_s=complete.at_s if complete else lived.end_s)
    if gives_up_s is not None and complete is None and ended is not None and not ended.asked:
        # A limit of its own that begins when it listens is later by what it waited before. What an
        # app does that ends itself for another reason is over sooner than that.
        bound = history.first(Bound, lambda b: (b.app, b.boot) == (app, boot))
        since_s = bound.at_s if bound else lived.start_s
        before_s = waited_s(history, app, boot, lived.start_s, since_s)
        own = replace(span, end_s=lived.start_s + before_s + gives_up_s)
        yield Given(span=own, done_s=ended.at_s, own=True, since_s=since_s)


def _came_s(e: Starts | FailsFast, history: History) -> float | None:
    """When a start that had to settle did so, or until when it did not; None where it had not."""
    complete = _completed(e.app, e.boot, history)
    if complete is None or isinstance(e, FailsFast) or not may_settle(e, complete):
        return None
    came_s = settling.came_s(e, complete, history)
    return watched_until_s(history, e.app, e.boot) if came_s is None else came_s


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
