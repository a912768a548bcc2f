"""Whether a history so far is long enough for each expectation to be judged. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultMissed,
    HealthSample,
    ReadBack,
    Ready,
    Spawned,
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
    Recovers,
    Starts,
)
from chaoslab.spec.health import HealthState
from chaoslab.spec.plan import Plan
from chaoslab.verdicts.timeline import healthy_since, last_healed_s, samples

SERVING_S = 0.5  # how long after its end a start-up is given to be seen ready, or degraded
WRITES_DRY_S = 2.0  # without an acknowledged write for so long, no more are waited for
GRACE_S = 0.1  # after a bound has passed, so that the sample that shows it is in the history


def unsettled(plan: Plan, history: History, now_s: float) -> str | None:
    """What the run still waits for, in a few words; None when every expectation can be judged."""
    if _nobody_is_left(plan, history):
        return None
    return next(_waiting(plan, history, now_s), None)


def _nobody_is_left(plan: Plan, history: History) -> bool:
    """Whether every boot of the plan has been and its process has ended by itself."""
    boots = list(history.of(Spawned))
    ended = {(x.app, x.boot) for x in history.of(Exited)}
    return len(boots) == len(plan.boots) and all((s.app, s.boot) in ended for s in boots)


def _waiting(plan: Plan, history: History, now_s: float) -> Iterator[str]:
    spawned = list(history.of(Spawned))
    if len(spawned) < len(plan.boots):
        yield f"boot {len(spawned) + 1} of {len(plan.boots)}"
    over = {e.fault for e in history.of(FaultHealed)} | {e.fault for e in history.of(FaultMissed)}
    for fault in plan.faults:
        if fault.stop is not None and fault.label not in over:
            yield f"the heal of {fault.label}"
    for expectation in plan.expect:
        if (what := _waits_for(expectation, history, now_s)) is not None:
            yield what


def _waits_for(e: Expectation, history: History, now_s: float) -> str | None:
    match e:
        case Starts() | FailsFast():
            return _boot_under_way(e, history, now_s)
        case Degrades():
            return None  # judged over the fault's time, which the heal ends
        case Recovers():
            return _recovery_under_way(e, history, now_s)
        case FirstRequestServed():
            healed = history.first(FaultHealed, lambda h: h.fault == e.fault)
            begun = healed and history.first(
                Write, lambda w: w.app == e.app and w.at_s >= healed.at_s
            )
            late = healed and now_s > healed.at_s + e.within_s + 5.0
            return None if begun or late else "the first request after the heal"
        case KeepsAcknowledged():
            return _writes_under_way(e, history, now_s)
    return None


def _writes_under_way(e: KeepsAcknowledged, history: History, now_s: float) -> str | None:
    """Wait for the writes that are asked for as long as they keep coming."""
    mine = (w for w in history.of(Write) if w.app == e.app and w.purpose == "load")
    acknowledged = [w.at_s + w.took_s for w in mine if w.outcome == "ok"]
    newest_s = max([*acknowledged, last_healed_s(history) or 0.0])
    if len(acknowledged) >= e.at_least or now_s > newest_s + WRITES_DRY_S:
        return None
    return f"{e.at_least - len(acknowledged)} more acknowledged writes"


def _boot_under_way(e: Starts | FailsFast, history: History, now_s: float) -> str | None:
    spawned = history.first(Spawned, lambda s: s.app == e.app and s.boot == e.boot)
    if spawned is None:
        return f"boot {e.boot} of {e.app}"
    ended = history.first(Exited, lambda x: x.app == e.app and x.boot == e.boot)
    complete = history.first(StartupComplete, lambda c: c.app == e.app and c.boot == e.boot)
    if ended:
        return None
    if complete and isinstance(e, Starts):
        served = now_s > complete.at_s + SERVING_S or _serves(e, history, complete)
        return None if served else f"{e.app} to be ready, or degraded"
    if now_s > spawned.at_s + (e.within_s or 0.0) + GRACE_S:
        return None
    return f"the start-up of {e.app}"


def _serves(e: Starts, history: History, complete: StartupComplete) -> bool:
    if complete.state is HealthState.HEALTHY:
        return history.first(Ready, lambda r: (r.app, r.boot) == (e.app, e.boot)) is not None
    sample = history.last(HealthSample, lambda s: (s.app, s.boot) == (e.app, e.boot))
    return sample is not None and sample.state is complete.state


def _recovery_under_way(e: Recovers, history: History, now_s: float) -> str | None:
    healed_s = last_healed_s(history)
    if healed_s is None:
        return "a heal to recover from"
    if history.first(Exited, lambda x: x.app == e.app and x.boot == e.boot and not x.asked):
        return None
    if now_s > healed_s + (e.within_s or 0.0) + e.stable_s + GRACE_S:
        return None
    since = healthy_since(history, e.app, e.boot, healed_s)
    newest = next(reversed(samples(history, e.app, e.boot)), None)
    stable = since and newest and newest.at_s >= since.at_s + e.stable_s
    written = history.first(
        Write,
        lambda w: (
            w.app == e.app and w.purpose == "proof" and w.outcome == "ok" and w.at_s >= healed_s
        ),
    )
    looked = written and history.first(
        ReadBack, lambda b: b.app == e.app and written.op in (*b.found, *b.missing)
    )
    proved = not e.proved or looked
    return None if stable and proved else f"the recovery of {e.app}"
