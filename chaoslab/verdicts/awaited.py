"""What a run still waits for of the traffic that verdicts are about. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from chaoslab.evidence.timeline import answered_s, exited, last_healed_s, samples, still_asked
from chaoslab.evidence.traffic import near_faults, over_s
from chaoslab.history.events import (
    FaultHealed,
    FaultInForce,
    Spawned,
    StartupComplete,
    TriggerMissed,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.history.moments import find
from chaoslab.model.expect import (
    BacksOff,
    KeepsAcknowledged,
    RefusesHonestly,
    RegainsLatency,
    ReleasesConnections,
    Serves,
)
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Deadlines
from chaoslab.verdicts.connections import WATCHED_S, calm_s
from chaoslab.verdicts.latency import baseline, candidate, recovered_s
from chaoslab.verdicts.refusals import refusals
from chaoslab.verdicts.retries import herd_over_s
from chaoslab.verdicts.served import is_enough, loads_over, served

WRITES_DRY_S = 2.0  # without an acknowledged write for so long, no more are waited for
LOOKED_S = 0.25  # after a bound has passed, so that the look that shows it is in the history


def service_under_way(
    e: Serves | ReleasesConnections | BacksOff | RegainsLatency,
    plan: Plan,
    history: History,
    now_s: float,
    promised: Deadlines | None,
) -> str | None:
    """What is still to be seen of what users get, and of what servers bear."""
    if exited(history, e.app, e.boot) is not None:
        return None
    recovery_s = promised.recovery_s if promised else math.inf
    match e:
        case Serves():
            startup_s = promised.startup_s if promised else math.inf
            return _serving(e, plan, history, now_s, startup_s=startup_s, recovery_s=recovery_s)
        case RegainsLatency():
            return _latency(e, plan, history, now_s, recovery_s)
        case ReleasesConnections():
            return _connections(e, plan, history, now_s, recovery_s)
        case BacksOff():
            heals = [h for h in history.of(FaultHealed) if h.fault in (e.rests_on or ())]
            over = max((herd_over_s(e, history, h.at_s) for h in heals), default=0.0)
            return f"a herd of {e.app}" if now_s <= over + LOOKED_S else None


def writes_under_way(
    e: KeepsAcknowledged, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """Wait for the writes that are asked for as long as they keep coming, or may yet begin."""
    mine = (w for w in history.of(Write) if w.app == e.app and w.purpose == "load")
    ok = [w for w in mine if w.outcome == "ok"]
    begins_s = [*_loads_begin_s(e.app, plan, history), last_healed_s(history) or 0.0]
    if not ok:
        begins_s.append(_started_by_s(e.app, history, startup_s))
    return _more_of(ok, e.at_least, begins_s, now_s, _dry_s(e.app, plan))


def refusals_under_way(
    e: RefusesHonestly, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """Wait for the refusals that are asked for, as long as they may yet begin."""
    refused = refusals(e, history)
    if len(refused) >= e.at_least:
        return None
    begins_s = [*_loads_begin_s(e.app, plan, history), _started_by_s(e.app, history, startup_s)]
    begins_s += [fault.at_s for fault in history.of(FaultInForce)]
    newest_s = max([*begins_s, *map(over_s, refused)])
    dry = now_s > newest_s + _dry_s(e.app, plan)
    return None if dry else f"{e.at_least - len(refused)} more refused writes"


def _serving(
    e: Serves,
    plan: Plan,
    history: History,
    now_s: float,
    *,
    startup_s: float,
    recovery_s: float,
) -> str | None:
    """Wait for the writes that count: those away from faults, of an app that said ready; and for
    those after the last heal, whatever comes of them, so that the reasons can count them.
    """
    found = served(e, history, recovery_s)
    counted = found.writes if found else ()
    ok = [w for w in counted if w.outcome == "ok"]
    ends_s = (span.end_s for span in near_faults(history, recovery_s))
    begins_s = [*_loads_begin_s(e.app, plan, history), *(s for s in ends_s if s < math.inf)]
    if not ok:
        begins_s.append(_started_by_s(e.app, history, startup_s))
    dry_s = _dry_s(e.app, plan)
    if what := _more_of(ok, e.at_least, begins_s, now_s, dry_s):
        return what
    if found is None or found.calm_s is None or found.calm_s == math.inf:
        return None
    after = found.after
    if is_enough(after, e.after_heal) or loads_over(e, plan, history, found.calm_s):
        return None
    newest_s = max([*map(over_s, after), *begins_s, found.calm_s])
    left = f"writes after the last heal ({len(after)} of {e.after_heal})"
    return left if now_s <= newest_s + dry_s else None


def _latency(
    e: RegainsLatency, plan: Plan, history: History, now_s: float, recovery_s: float
) -> str | None:
    """Wait for enough writes after the recovery, where there were enough before the fault."""
    healed_s, since_s = last_healed_s(history), recovered_s(e, history)
    if healed_s is None or len(baseline(e, history)) < e.at_least:
        return None
    if since_s is None:
        return f"the recovery of {e.app}" if now_s <= healed_s + recovery_s + LOOKED_S else None
    return _more_of(candidate(e, history), e.at_least, [since_s], now_s, _dry_s(e.app, plan))


def _connections(
    e: ReleasesConnections, plan: Plan, history: History, now_s: float, recovery_s: float
) -> str | None:
    healed_s = last_healed_s(history)
    if healed_s is None:
        return None
    due_s = calm_s(e, history, healed_s, recovery_s) + WATCHED_S
    seen = samples(history, e.app, e.boot)  # the count is judged up to the last answer of health
    short = not seen or max(map(answered_s, seen)) < due_s
    open_ = now_s <= due_s + LOOKED_S or (short and still_asked(seen, plan.sampling, now_s))
    return f"the connections of {e.app} to be given back" if open_ else None


def _dry_s(app: str, plan: Plan) -> float:
    """How long nothing may come before no more is waited for: twice the pause of a slow load."""
    return max([WRITES_DRY_S, *(2 / load.rate_per_s for load in plan.load if load.app == app)])


def _more_of(
    ok: list[Write],
    at_least: int,
    begins_s: Iterable[float],
    now_s: float,
    dry_s: float,
) -> str | None:
    """How many acknowledged writes are missing; None once there are enough, or no more come."""
    newest_s = max([*map(over_s, ok), *begins_s], default=0.0)
    if len(ok) >= at_least or now_s > newest_s + dry_s:
        return None
    return f"{at_least - len(ok)} more acknowledged writes"


def _loads_begin_s(app: str, plan: Plan, history: History) -> Iterator[float]:
    """When each load of the app began, or will have given up: its patience counts from a spawn."""
    begun = history.last(Spawned, lambda s: s.app == app)
    missed = {each.place for each in history.of(TriggerMissed)}
    for number, load in enumerate(plan.load):
        if load.app != app or f"load[{number}].start" in missed:
            continue
        if (came := find(load.start, history.events)) is not None:
            yield came.at_s + load.start.after_s
        elif begun is not None:
            yield begun.at_s + (load.start.within_s or 0.0)


def _started_by_s(app: str, history: History, startup_s: float) -> float:
    """When the app's newest start-up was complete, or its time is up."""
    begun = history.last(Spawned, lambda s: s.app == app)
    if begun is None or exited(history, app, begun.boot) is not None:
        return 0.0
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (app, begun.boot))
    return complete.at_s if complete else begun.at_s + startup_s
