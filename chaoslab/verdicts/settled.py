"""Whether a history so far is long enough for each expectation to be judged. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from chaoslab.evidence.timeline import Span, exited, samples, spawned, still_asked, unheard
from chaoslab.evidence.waits import waited_s
from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultMissed,
    HealthSample,
    Ready,
    Spawned,
    StartupComplete,
    TriggerMissed,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.history.moments import find
from chaoslab.history.outlook import missed_boots
from chaoslab.model.expect import (
    AnswersInTime,
    BacksOff,
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    NoRestarts,
    ReadyWhenServing,
    Recovers,
    RefusesHonestly,
    RegainsLatency,
    ReleasesConnections,
    Serves,
    Starts,
    StaysAvailable,
    StaysLive,
)
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Deadlines, Topology
from chaoslab.verdicts.awaited import refusals_under_way, service_under_way, writes_under_way
from chaoslab.verdicts.degraded import MIN_SAMPLES
from chaoslab.verdicts.probers import watch_under_way
from chaoslab.verdicts.readiness import readiness_under_way
from chaoslab.verdicts.recovering import recovery_under_way
from chaoslab.verdicts.restarts import restarts_under_way
from chaoslab.verdicts.settling import came_s, has_to_settle, may_settle, settled_from

_Bounded = Starts | FailsFast | StaysAvailable
SERVING_S = 0.5  # how long after its end a start-up is given to be seen ready, or degraded
GRACE_S = 0.1  # after a bound has passed, so that the sample that shows it is in the history


def unsettled(
    plan: Plan, history: History, now_s: float, topology: Topology | None = None
) -> str | None:
    """What the run still waits for, in a few words; None when every expectation can be judged.

    `topology` bounds what has no bound in the plan, by the app's own deadlines; without it that is
    waited for until the plan's limit.
    """
    if _nobody_is_left(plan, history):
        return None
    return next(_waiting(plan, history, now_s, topology), None)


def _nobody_is_left(plan: Plan, history: History) -> bool:
    """Whether every boot of the plan has been, or is missed, its process has ended by itself, and
    no supervisor will start it anew.
    """
    boots = list(history.of(Spawned))
    ended = {(x.app, x.boot) for x in history.of(Exited)}
    all_ended = all((s.app, s.boot) in ended for s in boots)
    all_begun = _planned(boots) + len(_missed(plan, history)) == len(plan.boots)
    return all_begun and all_ended and not _restarts(plan, history)


def _planned(boots: list[Spawned]) -> int:
    """How many of them the plan has started, and not a supervisor."""
    return sum(not boot.restart for boot in boots)


def _missed(plan: Plan, history: History) -> set[int]:
    """The numbers of the plan's boots, from 0, whose trigger did not come."""
    apps = dict.fromkeys(boot.app for boot in plan.boots)
    return {n for app in apps for n in missed_boots(app, plan, history.events)}


def _will_not_boot(e: Expectation, plan: Plan, history: History) -> bool:
    """Whether it is about a boot that was not spawned, and is not to come."""
    boots = sum(boot.app == e.app for boot in plan.boots)
    to_come = boots - len(set(missed_boots(e.app, plan, history.events)))
    number = getattr(e, "boot", 1)
    return number > to_come and spawned(history, e.app, number) is None


def _loads_to_begin(plan: Plan, history: History, now_s: float) -> Iterator[int]:
    """Loads of apps that live, whose start may still come: the plan is carried out before its end.

    What is missed is written down; and so are the writes of a load that has begun.
    """
    places = {missed.place for missed in history.of(TriggerMissed)}
    for number, load in enumerate(plan.load):
        begun = history.last(Spawned, lambda s, app=load.app: s.app == app)  # type: ignore[misc]
        if begun is None or exited(history, load.app, begun.boot) is not None:
            continue
        came, start = find(load.start, history.events), load.start
        latest_s = begun.at_s + (start.within_s or 0.0) + GRACE_S  # then it is written down
        due_s = latest_s if came is None else came.at_s + start.after_s
        if now_s < due_s and f"load[{number}].start" not in places:
            yield number


def _restarts(plan: Plan, history: History) -> str | None:
    """The app that has ended by itself and is about to be started anew."""
    for boot in plan.boots:
        begun = [s for s in history.of(Spawned) if s.app == boot.app]
        if begun and len(begun) <= boot.restarts:
            ended = exited(history, boot.app, begun[-1].boot)
            if ended is not None and not ended.asked:
                return boot.app
    return None


def _waiting(
    plan: Plan, history: History, now_s: float, topology: Topology | None
) -> Iterator[str]:
    boots, missed = _planned(list(history.of(Spawned))), _missed(plan, history)
    if boots + len(missed) < len(plan.boots):
        yield f"boot {boots + 1} of {len(plan.boots)}"
    if (app := _restarts(plan, history)) is not None:
        yield f"the restart of {app}"
    over = {e.fault for e in history.of(FaultHealed)} | {e.fault for e in history.of(FaultMissed)}
    for fault in plan.faults:
        if fault.stop is not None and fault.label not in over:
            yield f"the heal of {fault.label}"
    yield from (f"load {number + 1} to begin" for number in _loads_to_begin(plan, history, now_s))
    for expectation in plan.expect:
        if _will_not_boot(expectation, plan, history):
            continue
        whose = topology.apps[expectation.app] if topology else None
        paced = replace(plan, sampling=plan.sampling.of(whose)) if whose else plan
        promised = whose.deadlines if whose else None
        if (what := _waits_for(expectation, paced, history, now_s, promised)) is not None:
            yield what


def _waits_for(
    e: Expectation, plan: Plan, history: History, now_s: float, promised: Deadlines | None
) -> str | None:
    startup_s = promised.startup_s if promised else math.inf
    match e:
        case Starts() | FailsFast():
            return _boot_under_way(e, plan, history, now_s)
        case Degrades():
            return None  # judged over the fault's time, which the heal ends
        case Recovers():
            return recovery_under_way(e, plan, history, now_s)
        case FirstRequestServed():
            healed = history.first(FaultHealed, lambda h: h.fault == e.fault)
            begun = healed and history.first(
                Write, lambda w: w.app == e.app and w.at_s >= healed.at_s
            )
            late = healed and now_s > healed.at_s + e.within_s + 5.0
            return None if begun or late else "the first request after the heal"
        case KeepsAcknowledged():
            return writes_under_way(e, plan, history, now_s, startup_s)
        case RefusesHonestly():
            return refusals_under_way(e, plan, history, now_s, startup_s)
        case StaysAvailable():
            return _availability_under_way(e, plan, history, now_s, startup_s)
        case NoRestarts():
            return restarts_under_way(e, plan, history, now_s, startup_s)
        case StaysLive() | AnswersInTime():
            return watch_under_way(e, plan, history, now_s, startup_s)
        case ReadyWhenServing():
            return readiness_under_way(e, plan, history, now_s, startup_s)
        case Serves() | ReleasesConnections() | BacksOff() | RegainsLatency():
            return service_under_way(e, plan, history, now_s, promised)
    assert_never(e)


def _availability_under_way(
    e: StaysAvailable, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """Wait for start-up, or until its time is up, and then for the fewest answers that count."""
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None or ended is not None:
        return None if ended else f"boot {e.boot} of {e.app}"
    given = Span(start_s=begun.at_s, end_s=begun.at_s + startup_s)
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (e.app, e.boot))
    if complete is None:
        late = _is_past(now_s, given, e, plan, history)
        return None if late else f"the start-up of {e.app}"
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= complete.at_s]
    if has_to_settle(e, complete) and not _is_past(now_s, given, e, plan, history):
        if (first := settled_from(e, complete, seen, startup_s, history)) is None:
            return f"{e.app} to be healthy"
        seen = [s for s in seen if s.at_s >= first.at_s]
    return None if len(seen) >= MIN_SAMPLES else f"{MIN_SAMPLES} health answers of {e.app}"


def _boot_under_way(
    e: Starts | FailsFast, plan: Plan, history: History, now_s: float
) -> str | None:
    spawned = history.first(Spawned, lambda s: s.app == e.app and s.boot == e.boot)
    if spawned is None:
        return f"boot {e.boot} of {e.app}"
    ended = history.first(Exited, lambda x: x.app == e.app and x.boot == e.boot)
    complete = history.first(StartupComplete, lambda c: c.app == e.app and c.boot == e.boot)
    if ended:
        return None
    if complete and isinstance(e, Starts) and not may_settle(e, complete):
        served = now_s > complete.at_s + SERVING_S or _serves(e, history, complete.state)
        return None if served else f"{e.app} to be ready, or degraded"
    if complete and isinstance(e, Starts) and (came := came_s(e, complete, history)) is not None:
        served = now_s > came + SERVING_S or _serves(e, history, HealthState.HEALTHY)
        return None if served else f"{e.app} to be ready"
    given = Span(start_s=spawned.at_s, end_s=spawned.at_s + (e.within_s or 0.0))
    if _is_past(now_s, given, e, plan, history):
        return None
    return f"{e.app} to be healthy" if complete else f"the start-up of {e.app}"


def _is_past(now_s: float, given: Span, e: _Bounded, plan: Plan, history: History) -> bool:
    """Whether the app has had that time, its waits for a core apart (at most as long again), and
    has answered since, where somebody still asks.

    One that comes late is then told from one that never comes.
    """
    long_s = given.end_s - given.start_s
    lost_s = min(long_s, waited_s(history, e.app, e.boot, given.start_s, now_s))
    if now_s <= given.end_s + lost_s + GRACE_S:
        return False
    seen = samples(history, e.app, e.boot)
    heard = isinstance(e, FailsFast) or not unheard(seen, given.end_s)
    return heard or not still_asked(seen, plan.sampling, now_s)


def _serves(e: Starts, history: History, state: HealthState) -> bool:
    if state is HealthState.HEALTHY:
        return history.first(Ready, lambda r: (r.app, r.boot) == (e.app, e.boot)) is not None
    sample = history.last(HealthSample, lambda s: (s.app, s.boot) == (e.app, e.boot))
    return sample is not None and sample.state is state
