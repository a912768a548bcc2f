"""What an app was given time for, and when it was done with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    asked_s,
    exited,
    fault_span,
    healthy_since,
    last_healed_s,
    life,
    recovery_span,
    started_by,
    watched_until_s,
)
from chaoslab.evidence.waits import waited_s
from chaoslab.history.events import Bound, StartupComplete, Write
from chaoslab.history.journal import History
from chaoslab.model.expect import (
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    ReadyWhenServing,
    Recovers,
    Starts,
    StaysAvailable,
)
from chaoslab.model.topology import App
from chaoslab.verdicts.settling import has_to_settle, healthy_from_s, may_settle


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


def given_to(e: Expectation, app: App, history: History) -> Iterator[Given]:
    """The times within which `e` wants something done: an app that was left alone for as long as it
    was given, all losses apart, had its time.
    """
    startup_s, gives_up_s = app.deadlines.startup_s, app.deadlines.gives_up_s
    match e:
        case Starts() | FailsFast():
            yield from _settled(e, e.within_s, gives_up_s, history)
        case Degrades():
            complete_s = started_by(history, e.app, e.boot)
            held = fault_span(history, e.fault)
            if complete_s is None or (held and complete_s > held.end_s):
                yield from start_of(e.app, e.boot, startup_s, gives_up_s, history)
            else:
                begin_s = max(complete_s, asked_s(history, e.fault))
                yield Given(span=Span(start_s=begin_s, end_s=begin_s + (e.within_s or 0.0)))
        case StaysAvailable():
            # How a start-up ended decides what health says afterwards, and whether it was one.
            if e.healthy or _completed(e.app, e.boot, history) is None:
                yield from _settled(e, startup_s, gives_up_s, history)
        case Recovers():
            if (span := recovery_span(history, e.app, e.boot)) is not None:
                due = replace(span, end_s=span.start_s + (e.within_s or 0.0))
                yield Given(span=due, done_s=_recovered_s(e, span, history))
        case ReadyWhenServing() | FirstRequestServed():
            if (healed_s := last_healed_s(history)) is not None:
                span = Span(start_s=healed_s, end_s=healed_s + (e.within_s or 0.0))
                yield Given(span=span)


def start_of(
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


def _settled(
    e: Starts | FailsFast | StaysAvailable,
    within_s: float | None,
    gives_up_s: float | None,
    history: History,
) -> Iterator[Given]:
    """The bounds of a start; one that had to settle was done when it had, or never."""
    for given in start_of(e.app, e.boot, within_s, gives_up_s, history):
        came_s = None if given.own else _came_s(e, history)
        yield given if came_s is None else replace(given, done_s=came_s)


def _came_s(e: Starts | FailsFast | StaysAvailable, history: History) -> float | None:
    """When a start that had to settle did so, or until when it did not; None where it had not."""
    complete = _completed(e.app, e.boot, history)
    if complete is None or isinstance(e, FailsFast):
        return None
    if not (may_settle(e, complete) if isinstance(e, Starts) else has_to_settle(e, complete)):
        return None
    came_s = healthy_from_s(e, complete, history)
    return watched_until_s(history, e.app, e.boot) if came_s is None else came_s


def _completed(app: str, boot: int, history: History) -> StartupComplete | None:
    return history.first(StartupComplete, lambda c: (c.app, c.boot) == (app, boot))


def _recovered_s(e: Recovers, span: Span, history: History) -> float:
    """When what was late came, or was given up: health, or else the write that is asked for."""
    until_s = watched_until_s(history, e.app, e.boot)
    since = healthy_since(history, e.app, e.boot, span.start_s, span.end_s)
    healthy_s = answered_s(since) if since else until_s
    if not e.proved or healthy_s > span.start_s + (e.within_s or 0.0):
        return healthy_s
    proofs = (w for w in history.of(Write) if (w.app, w.purpose) == (e.app, "proof"))
    mine = (w for w in proofs if w.outcome == "ok" and span.start_s <= w.at_s <= until_s)
    return min((w.at_s + w.took_s for w in mine), default=until_s)
