"""Reads the facts of one cell from its history. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chaoslab.behaviour.answered import (
    Series,
    answers_in,
    answers_under,
    back_of,
    reports_healthy,
    series_of,
)
from chaoslab.behaviour.boots import completed_s, exits_of, start_of, stop_of
from chaoslab.behaviour.facts import Answers, Facts, Role
from chaoslab.behaviour.processes import ends_of, stops_of
from chaoslab.evidence.timeline import (
    Span,
    around_span,
    end_s,
    exited,
    fault_span,
    last_healed_s,
    newest_boot,
    restarts,
)
from chaoslab.faults.evidence import Evidence
from chaoslab.history.events import QuestionsAsked, StopRequested
from chaoslab.history.journal import History
from chaoslab.model.cell import Cell
from chaoslab.model.faults import Declared
from chaoslab.model.topology import App

LATER_S = 1.0  # how long after its heal a short fault, such as a restart, still shows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The records of a cell: the series of the app's answers, and the times at which a boot was
    complete. `until_s` is when the watch ended: the plan's SIGTERM, or the run's end.
    """

    cell: Cell
    history: History
    series: tuple[Series, ...]
    completed_s: tuple[float, ...]
    until_s: float


def observed(
    cell: Cell, app: App, history: History, fault: Declared | None, evidence: Evidence | None
) -> Facts:
    """The facts of a cell whose run can be described."""
    seen = _Seen(
        cell=cell,
        history=history,
        series=series_of(app, history),
        completed_s=tuple(completed_s(app.name, history)),
        until_s=_watched_until_s(app.name, history),
    )
    span = fault_span(history, fault.label) if fault else None
    around = around_span(history, fault.label) if fault else None
    found = Facts(
        start=start_of(app.name, history, span.end_s if span else seen.until_s),
        affected=evidence is not None and evidence.observed,
        process_ends=tuple(
            ends_of(
                app,
                history,
                asked_s=around.start_s if around else None,
                in_force_s=span.start_s if span else None,
            )
        ),
    )
    if cell.steady or cell.moment == "sigterm":
        stops = tuple(stops_of(app, history))
        found = replace(found, stop=stop_of(app.name, history), process_stops=stops)
    if fault is None or span is None or around is None:
        return _steady(found, seen)
    found = _ends(replace(found, held_s=span.end_s - span.start_s), seen, span, around)
    begun_s = min(seen.completed_s, default=math.inf)
    before = Span(start_s=begun_s, end_s=around.start_s)
    found = replace(found, before=_answers_of(seen.series, before))
    if cell.moment == "sigterm":
        until = replace(span, end_s=seen.until_s)
        return _answered(found, seen, until, replace(around, end_s=seen.until_s))
    if not found.exits and (found.started_under_fault or cell.moment == "running"):
        shown = _shown(seen, fault, span)
        found = _answered(found, seen, shown, _wide(seen, shown, around))
    elif not found.exits:
        found = replace(found, waiting=_answers_of(seen.series, span, only="request"))
    shown = _shown(seen, fault, span) if found.started_under_fault else span
    return _healed(found, seen, span, shown, around)


def _watched_until_s(app: str, history: History) -> float:
    """The time until which the app was watched: the plan's SIGTERM, or the last question."""
    asked = history.last(StopRequested, lambda s: s.app == app)
    if asked is not None:
        return asked.at_s
    over = history.last(QuestionsAsked, lambda q: q.app == app)
    return over.at_s if over and _lives(app, history) else end_s(history)


def _lives(app: str, history: History) -> bool:
    """Whether the newest boot of the app ran until the lab stopped it."""
    newest = newest_boot(history, app)
    ended = exited(history, app, newest.boot) if newest else None
    return newest is not None and (ended is None or ended.asked)


def _steady(found: Facts, seen: _Seen) -> Facts:
    exits = tuple(exit_ for _, exit_ in exits_of(seen.cell.app, seen.history, None))
    begun_s = min(seen.completed_s, default=math.inf)
    served = Span(start_s=begun_s, end_s=seen.until_s)
    return replace(
        found,
        exits=exits,
        under=_answers_of(seen.series, served),
        reports_healthy=reports_healthy(seen.series, served),
    )


def _answered(found: Facts, seen: _Seen, shown: Span, around: Span) -> Facts:
    """The facts, with the answers in the time `shown`, and what failed only in `around`."""
    ran = seen.cell.moment != "boot"
    each = (answers_under(series, shown, around, ran_before=ran) for series in seen.series)
    return replace(
        found,
        under=tuple(answers for answers in each if answers is not None),
        reports_healthy=reports_healthy(seen.series, around),
    )


def _answers_of(
    series: Sequence[Series], span: Span, *, only: Role | None = None
) -> tuple[Answers, ...]:
    answers = (answers_in(each, span) for each in series if only in (None, each.role))
    return tuple(each for each in answers if each is not None)


def _shown(seen: _Seen, fault: Declared, span: Span) -> Span:
    """The time in which the answers show the fault: while it is in force, from the end of the
    start-up on; for a fault that is over before its heal also shortly after it.
    """
    start_s, stop_s = span.start_s, span.end_s
    if seen.cell.moment == "boot":
        start_s = min(seen.completed_s, default=start_s)
    if fault.path_returns_before_heal:
        stop_s = min(seen.until_s, stop_s + LATER_S)
    return Span(start_s=start_s, end_s=stop_s)


def _wide(seen: _Seen, shown: Span, around: Span) -> Span:
    """The time `shown`, with that in which a service is being stopped and started. A boot under the
    fault begins later.
    """
    at_boot = seen.cell.moment == "boot"
    return Span(
        start_s=shown.start_s if at_boot else min(around.start_s, shown.start_s),
        end_s=max(around.end_s, shown.end_s),
    )


def _ends(found: Facts, seen: _Seen, span: Span, around: Span) -> Facts:
    """The facts, with the exits of the app from the request of the fault on, and whether it
    completed a start under the fault.
    """
    every = exits_of(seen.cell.app, seen.history, span.start_s)
    exits = [(at_s, exit_) for at_s, exit_ in every if at_s >= around.start_s]
    last_s = max((at_s for at_s, _ in exits if at_s <= around.end_s), default=-math.inf)
    started = seen.cell.moment == "boot" or last_s > 0
    return replace(
        found,
        exits=tuple(exit_ for at_s, exit_ in exits if at_s <= around.end_s),
        later_exits=tuple(exit_ for at_s, exit_ in exits if at_s > around.end_s),
        started_under_fault=started
        and any(last_s < at_s <= span.end_s for at_s in seen.completed_s),
    )


def _healed(found: Facts, seen: _Seen, span: Span, shown: Span, around: Span) -> Facts:
    """The facts, with what came after the heal. A path or request that was not as in a steady state
    in `shown`, or after the heal, was away.
    """
    healed_s = last_healed_s(seen.history)
    if healed_s is None:
        return found
    was_up = found.started_under_fault or (seen.cell.moment == "running" and not found.exits)
    exits_s = (at_s for at_s, _ in exits_of(seen.cell.app, seen.history, None))
    down_s = max([span.end_s, *exits_s])
    up_s = next((at_s for at_s in seen.completed_s if at_s > down_s), None)
    if was_up and not found.later_exits:
        up_s = None
    back = (back_of(each, shown, healed_s, seen.until_s) for each in seen.series)
    until_s = seen.until_s if up_s is None else up_s
    return replace(
        found,
        up_after_s=None if up_s is None else max(0.0, up_s - healed_s),
        back=tuple(each for each in back if each is not None),
        restarts=len(restarts(seen.history, seen.cell.app, replace(around, end_s=until_s))),
        watched_s=max(0.0, seen.until_s - healed_s),
    )
