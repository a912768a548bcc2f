"""What is known of an app over all of its boots, whoever started them. Pure."""

from __future__ import annotations

import math

from chaoslab.evidence.claim import OfApp
from chaoslab.evidence.timeline import (
    SERVING,
    Span,
    answered_s,
    end_s,
    exited,
    faults_begun_s,
    newest_boot,
    samples,
)
from chaoslab.evidence.traffic import over_s
from chaoslab.history.events import Exited, FaultHealed, HealthSample, Request, Spawned
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan


def gone(e: OfApp, history: History) -> Exited | None:
    """The end of the app's newest boot, if the plan did not ask for it: no later boot came. None
    while the app runs, and if the plan stopped it.
    """
    newest = newest_boot(history, e.app)
    ended = exited(history, e.app, newest.boot) if newest else None
    return ended if ended and not ended.asked else None


def watched_app_until_s(e: OfApp, history: History) -> float:
    """The time until which the app was watched: the history's end, or the time at which the lab
    stopped its newest boot.
    """
    newest = newest_boot(history, e.app)
    ended = exited(history, e.app, newest.boot) if newest else None
    return min(end_s(history), ended.at_s) if ended and ended.asked else end_s(history)


def healed_span(e: OfApp, history: History) -> Span | None:
    """The span from the last heal to the next fault, or to the next boot by the plan, or without
    end. None if no fault was healed.
    """
    healed = history.last(FaultHealed)
    if healed is None:
        return None
    later_s = [at_s for at_s in faults_begun_s(history).values() if at_s > healed.at_s]
    planned = (s for s in history.of(Spawned) if s.app == e.app and not s.restart)
    later_s += [s.at_s for s in planned if s.at_s > healed.at_s]
    return Span(start_s=healed.at_s, end_s=min(later_s, default=math.inf))


def health_answers(e: OfApp, history: History) -> list[HealthSample]:
    """The health samples of every boot of the app, in the order in which they were sent."""
    boots = (s.boot for s in history.of(Spawned) if s.app == e.app)
    every = (sample for boot in boots for sample in samples(history, e.app, boot))
    return sorted(every, key=lambda s: s.at_s)


def load_names(e: OfApp, plan: Plan) -> tuple[str, ...]:
    """The names of the app's requests that a load of the plan sends, each once."""
    return tuple(dict.fromkeys(load.request for load in plan.load if load.app == e.app))


def requests_of(e: OfApp, history: History, name: str) -> list[Request]:
    """The loads' requests of one name to any boot of the app, in the order in which they were sent.

    A request that was open when the lab stopped the app, or was sent later, is left out.
    """
    stops_s = [x.at_s for x in history.of(Exited) if x.app == e.app and x.asked]
    boots_s = sorted(s.at_s for s in history.of(Spawned) if s.app == e.app)
    until = {at_s: min((b for b in boots_s if b > at_s), default=math.inf) for at_s in stops_s}
    wanted = (e.app, name, "load")
    sent = (r for r in history.of(Request) if (r.app, r.request, r.purpose) == wanted)
    mine = (
        r
        for r in sent
        if not any(over_s(r) >= at_s and r.at_s < again_s for at_s, again_s in until.items())
    )
    return sorted(mine, key=lambda r: r.at_s)


def steady_health(e: OfApp, history: History) -> HealthSample | None:
    """The last answer of health before the first fault, if the app was up. None if it was not up,
    or if there was no fault.
    """
    begun_s = min(faults_begun_s(history).values(), default=-math.inf)
    before = [s for s in health_answers(e, history) if answered_s(s) < begun_s]
    return before[-1] if before and before[-1].state in SERVING else None
