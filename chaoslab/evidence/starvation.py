"""Whether a failure may be caused by a slow machine, and not by the app. Pure.

Only slowness is excused: a deadline that was missed by no more than the app waited for a core; a
deadline in whose time the app waited, or the lab was late, for most of it, and what follows from
such a start; an exit of an app that had waited for most of its life; and answers that were late or
missing in such a time.
TOO_MUCH was measured on 2 cores, with the good build beside up to eight busy processes. A start
that missed its deadline had waited for a core for at least 0.58 of the time; one that exited
because a ping had no answer within 0.05 s, for 0.58 of its life. A run in which a prober gave up
after the first answer had 1.5 s in which the lab was late for at least 0.72; most runs that passed
had none above 0.22. The app itself waited for less than 0.36 of any such time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from chaoslab.evidence.given import Given
from chaoslab.evidence.timeline import Span, exited, life, newest_boot
from chaoslab.evidence.waits import Loss, losses_of, lost_in
from chaoslab.history.events import (
    AnyEvent,
    HealthSample,
    OwnSample,
    ProberSample,
    Request,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Expected
from chaoslab.model.topology import App
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]


def _lost(data: Data) -> str:
    """Text that says who lost how much time: the app, or the lab if `app` is None."""
    who = "the lab itself was late" if data["app"] is None else f"{data['app']} waited for a core"
    return f"{who} for {data['lost_s']:.3f} s"


OWN_LIMIT = Code(
    "machine.own_limit",
    lambda data: (
        f"{_lost(data)} from {data['since_s']:.3f} s on, and ended itself after "
        f"{data['took_s']:.3f} s: without that it may have kept a limit of its own (gives_up_s)"
    ),
    "The app ended by a limit of its own, which it may have missed because it waited for a core.",
    data=("app", "lost_s", "since_s", "took_s"),
)
LIMIT = Code(
    "machine.limit",
    lambda data: (
        f"{_lost(data)} of the {data['took_s']:.3f} s that it took: without that it may have kept "
        f"the limit of {data['limit_s']:g} s"
    ),
    "The app missed a limit by no more time than it waited for a core. `app` is null if the lab "
    "itself was late.",
    data=("app", "lost_s", "took_s", "limit_s"),
)
STRETCH = Code(
    "machine.starved",
    lambda data: (
        f"{_lost(data)} between {data['start_s']:.3f} and {data['end_s']:.3f} s: slowness of the "
        "app cannot be distinguished from this machine's"
    ),
    "Most of that time was lost: the app waited for a core, or, if `app` is null, the lab itself "
    "was late.",
    data=("app", "lost_s", "start_s", "end_s"),
)
TOO_MUCH = 0.5  # this share of a time
ROUNDED_S = 1e-6  # sums of seconds are not exact
STRETCH_S = 1.5  # as long as three answers at a prober's limit of half a second


def starved(
    e: Expected,
    app: App,
    history: History,
    given: Iterable[Given],
    *,
    judged: Callable[[History], Verdict],
    given_more: Callable[[float], Verdict],
    by_exit: bool,
) -> Reason | None:
    """The reason why a slow machine may have caused the failure of `e`. None if it did not.

    `given` are the times that `e` gives the app. `judged` judges `e` by another history,
    `given_more` judges `e` with more seconds for what must be done in time. `by_exit`: an exit of
    the app by itself can be why `e` fails. Of a claim about any boot, only the exit of the last
    boot can be the cause: what a later boot does is not caused by it.
    """
    losses = list(losses_of(e.app, e.of_boot or None, history))
    for each in given:
        if why := lacked_time(each, losses, given_more):
            return why
    last = newest_boot(history, e.app)
    boot = e.of_boot or (last.boot if last else 0)
    if by_exit and (why := exit_excused(e.app, boot, history, judged)):
        return why
    return _excused(app, history, losses, judged)


def lacked_time(
    given: Given,
    losses: list[tuple[str, list[Loss]]],
    given_more: Callable[[float], Verdict] | None = None,
) -> Reason | None:
    """The reason why the app may not have had the time that it was given: waits for a core, or a
    late lab, took too much of it. None if it had.
    """
    if not given.own and (why := too_much_lost(given.span, losses, given.done_s)):
        return why
    return _explained(given, losses[:1], given_more)  # a late lab takes no time from the app


def _explained(
    given: Given,
    losses: list[tuple[str, list[Loss]]],
    given_more: Callable[[float], Verdict] | None,
) -> Reason | None:
    """The reason why a missed limit would have been kept without the waits for a core. None if it
    would not, if no limit was missed, or if the claim also fails with that much more time.
    """
    span, done_s = given.span, given.done_s
    if done_s is None or done_s <= span.end_s:
        return None
    for who, each in losses:
        since_s = span.start_s if given.since_s is None else given.since_s
        lost_s = lost_in(Span(start_s=since_s, end_s=done_s), each)
        kept = lost_s > 0 and done_s - lost_s <= span.end_s
        if kept and given_more and not given.own:
            kept = given_more(lost_s + ROUNDED_S).outcome is not Outcome.FAIL
        if kept:
            took_s, long_s = done_s - span.start_s, span.end_s - span.start_s
            if given.own:
                return OWN_LIMIT(app=who or None, lost_s=lost_s, since_s=since_s, took_s=took_s)
            return LIMIT(app=who or None, lost_s=lost_s, took_s=took_s, limit_s=long_s)
    return None


def starved_exit(app: str, boot: int, history: History) -> Reason | None:
    """The reason why a boot may have exited by itself only because the machine is slow: it waited
    for a core for most of the time from its spawn to its exit, and so may have missed a limit
    inside itself, for example for one answer. None if it had most of that time, did not exit by
    itself, or lived for less than STRETCH_S: an app that ends at once misses no such limit, and
    a short life is often mostly a wait.
    """
    lived, ended = life(history, app, boot), exited(history, app, boot)
    if lived is None or ended is None or ended.asked:
        return None
    if lived.end_s - lived.start_s < STRETCH_S:
        return None
    waits, _ = losses_of(app, boot, history)  # a late lab takes no time from the app
    return too_much_lost(lived, [waits])


def exit_excused(
    app: str, boot: int, history: History, judged: Callable[[History], Verdict]
) -> Reason | None:
    """The reason why a slow machine may have caused the exit of the boot, on which the failure
    rests. None if it did not, or if the claim fails also by what was recorded before the exit.
    """
    why, ended = starved_exit(app, boot, history), exited(history, app, boot)
    if why is None or ended is None:
        return None
    before = History(history.events[: history.events.index(ended)])
    return None if judged(before).outcome is Outcome.FAIL else why


def _excused(
    app: App, history: History, losses: list[tuple[str, list[Loss]]],
    judged: Callable[[History], Verdict],
) -> Reason | None:  # fmt: skip
    """The reason for a starved time, if the claim no longer fails once all answers that were late
    in starved times are left out of the history. Else None.
    """
    stretches = list(_stretches(losses))
    if not stretches:
        return None
    spans = [span for span, _ in stretches]
    limit_s = app.health.prober_timeout_s / 2
    late = [event for event in history.events if _is_late(event, app, limit_s, spans)]
    gone = set(map(id, late))
    kept = tuple(event for event in history.events if id(event) not in gone)
    if not late or judged(History(kept)).outcome is Outcome.FAIL:
        return None
    return next(why for span, why in stretches if _is_late(late[0], app, limit_s, [span]))


def _is_late(event: AnyEvent, app: App, limit_s: float, stretches: Iterable[Span]) -> bool:
    """Whether the event is an answer of the app that was late, or missing, in a starved time."""
    if not isinstance(event, HealthSample | ProberSample | Request | OwnSample):
        return False
    if event.app not in (app.name, ""):  # the callable of a scenario's probe may ask any app
        return False
    if event.took_s < limit_s:
        return False
    over_s = event.at_s + event.took_s
    return any(span.start_s < over_s and event.at_s < span.end_s for span in stretches)


def _stretches(losses: list[tuple[str, list[Loss]]]) -> Iterator[tuple[Span, Reason]]:
    """Yields each span of `STRETCH_S` seconds that begins at a loss and in which too much time was
    lost, with the reason.
    """
    for who, each in losses:
        for at, _ in each:
            stretch = Span(start_s=at.start_s, end_s=at.start_s + STRETCH_S)
            if why := too_much_lost(stretch, [(who, each)]):
                yield stretch, why


def too_much_lost(
    span: Span, losses: Iterable[tuple[str, list[Loss]]], done_s: float | None = None
) -> Reason | None:
    """The reason that more than half of `span` was lost. None if it was not, or if by `done_s` the
    app had had, without the losses, longer than the whole span.
    """
    long_s = span.end_s - span.start_s
    for who, each in losses:
        lost_s = lost_in(span, each)
        if done_s is not None:
            taken_s = done_s - span.start_s
            if taken_s - lost_in(replace(span, end_s=done_s), each) > long_s:
                continue
        if lost_s > TOO_MUCH * long_s:
            return STRETCH(app=who or None, lost_s=lost_s, start_s=span.start_s, end_s=span.end_s)
    return None
