"""Says what a run still waits for, until its history is long enough to judge every expectation.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chaoslab.evidence.misread import misread
from chaoslab.evidence.supervision import restart_wait_s
from chaoslab.evidence.timeline import exited, newest_boot, spawned
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultMissed,
    Spawned,
    StepDone,
    StopRequested,
)
from chaoslab.history.impossible import missed_boots
from chaoslab.history.journal import History
from chaoslab.history.moments import find
from chaoslab.history.triggers import missed_places
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.when import Moment
from chaoslab.reason import Reason

# The moments of an app whose health contract fits what it answers.
_BY_HEALTH: frozenset[Moment] = frozenset(
    {"startup_complete", "ready", "healthy", "degraded", "lost"}
)
GRACE_S = 0.1  # after a bound, until the sample that shows it is in the history


def unsettled(plan: Plan, history: History, now_s: float, topology: Topology) -> str | None:
    """A short text that says what the run still waits for. None if every expectation can be judged,
    or if no process runs and none will be started.

    If the plan has no bound, the app's deadlines in the topology are the bound.
    """
    if (step := next(_steps_due(plan, history), None)) is not None:
        return f"the step {step}"
    if _no_process_is_left(plan, history):
        return None
    return next(_waiting(plan, history, now_s, topology), None)


def in_vain(plan: Plan, history: History, topology: Topology) -> Reason | None:
    """Why the run waits in vain: it waits for a start-up, and the health contract of the app does
    not fit what the app answers. None if that is not known.
    """
    by_health = {e.app for e in plan.expect if isinstance(e, Expectation) and e.of_start}
    for _, moment in plan.moments:
        if moment.moment in _BY_HEALTH and find(moment, history.events) is None:
            by_health |= {moment.of} if moment.of else set(topology.apps)
    names = dict.fromkeys(boot.app for boot in plan.boots if boot.app in by_health)
    return next(filter(None, (misread(topology.apps[name], history) for name in names)), None)


def _no_process_is_left(plan: Plan, history: History) -> bool:
    """Whether no process runs and none will be started: every boot of the plan was started or
    missed, all have ended, and no supervisor will restart one.
    """
    boots = list(history.of(Spawned))
    ended = {(x.app, x.boot) for x in history.of(Exited)}
    all_ended = all((s.app, s.boot) in ended for s in boots)
    all_begun = _planned(boots) + len(_missed(plan, history)) == len(plan.boots)
    return all_begun and all_ended and not _restarts(plan, history)


def _planned(boots: list[Spawned]) -> int:
    """The number of `boots` that the plan started. Restarts by a supervisor do not count."""
    return sum(not boot.restart for boot in boots)


def _missed(plan: Plan, history: History) -> set[int]:
    """The numbers of the plan's boots, from 0, whose trigger did not occur."""
    apps = dict.fromkeys(boot.app for boot in plan.boots)
    return {n for app in apps for n in missed_boots(app, plan, history.events)}


def _will_not_boot(e: Expectation, plan: Plan, history: History) -> bool:
    """Whether the expectation is about a boot that was not spawned and will not be."""
    boots = sum(boot.app == e.app for boot in plan.boots)
    to_come = boots - len(set(missed_boots(e.app, plan, history.events)))
    number = getattr(e, "boot", 1)
    return number > to_come and spawned(history, e.app, number) is None


def _loads_to_begin(plan: Plan, history: History, now_s: float) -> Iterator[int]:
    """Yields the numbers, from 0, of the loads of running apps that have not begun and whose start
    may still occur. The run waits for them.
    """
    places = missed_places(history)
    for number, load in enumerate(plan.load):
        begun = newest_boot(history, load.app)
        if begun is None or exited(history, load.app, begun.boot) is not None:
            continue
        came, start = find(load.start, history.events), load.start
        latest_s = begun.at_s + (start.within_s or 0.0) + GRACE_S  # recorded as missed by then
        due_s = latest_s if came is None else came.at_s + start.after_s
        if now_s < due_s and f"load[{number}].start" not in places:
            yield number


def _steps_due(plan: Plan, history: History) -> Iterator[str]:
    """Yields the names of the steps whose moment has occurred and that are not done."""
    done = {event.step for event in history.of(StepDone)}
    places = missed_places(history)
    for step in plan.steps:
        over = step.name in done or step.place in places
        if not over and find(step.at, history.events) is not None:
            yield step.name


def _steps_to_come(plan: Plan, history: History) -> Iterator[str]:
    """Yields the names of the steps whose moment has not occurred, but may still occur."""
    places = missed_places(history)
    for step in plan.steps:
        if find(step.at, history.events) is None and step.place not in places:
            yield step.name


def _stops_to_come(plan: Plan, history: History) -> Iterator[str]:
    """Yields the name of each app that the plan will stop, or stops now: its process has not ended.
    Boots that were missed are left out.
    """
    over = missed_places(history) | {f"boots[{n}].stop" for n in _missed(plan, history)}
    for request in history.of(StopRequested):
        if exited(history, request.app, request.boot) is not None:
            over.add(request.place)
    for number, boot in enumerate(plan.boots):
        if boot.stop is not None and f"boots[{number}].stop" not in over:
            yield boot.app


def _restarts(plan: Plan, history: History) -> str | None:
    """The name of an app whose process has ended and that a supervisor will restart. None if there
    is no such app.
    """
    for boot in plan.boots:
        if boot.supervisor is None:
            continue
        if restart_wait_s(boot.app, boot.supervisor, history) is not None:
            return boot.app
    return None


def _counted_restart(plan: Plan, history: History) -> str | None:
    """As `_restarts`, but only for a supervisor with a limit: the run waits until that is used up.
    A supervisor without a limit may restart an app for ever: the claims say what they wait for.
    """
    limited = (b for b in plan.boots if b.supervisor and b.supervisor.at_most is not None)
    return _restarts(replace(plan, boots=tuple(limited)), history)


def _waiting(plan: Plan, history: History, now_s: float, topology: Topology) -> Iterator[str]:
    boots, missed = _planned(list(history.of(Spawned))), _missed(plan, history)
    if boots + len(missed) < len(plan.boots):
        yield f"boot {boots + 1} of {len(plan.boots)}"
    if (app := _counted_restart(plan, history)) is not None:
        yield f"the restart of {app}"
    over = {e.fault for e in history.of(FaultHealed)} | {e.fault for e in history.of(FaultMissed)}
    for fault in plan.faults:
        if fault.stop is not None and fault.label not in over:
            yield f"the heal of {fault.label}"
    yield from (f"the stop of {app}" for app in _stops_to_come(plan, history))
    yield from (f"the step {name}" for name in _steps_to_come(plan, history))
    yield from (f"load {number + 1} to begin" for number in _loads_to_begin(plan, history, now_s))
    run = Run(topology=topology, plan=plan, history=history)
    for e in plan.expect:
        if not isinstance(e, Expectation) or _will_not_boot(e, plan, history):
            continue
        if (what := e.waits_for(run.seen_by(e), now_s)) is not None:
            yield what
