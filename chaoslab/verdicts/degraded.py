"""Honest degradation: 200 degraded in time, with the right names, while the fault holds. Pure."""

from __future__ import annotations

from chaoslab.history.events import HealthSample, StartupComplete
from chaoslab.history.journal import History
from chaoslab.spec.expect import Degrades, StaysAvailable
from chaoslab.spec.health import HealthContract, HealthState
from chaoslab.spec.topology import Topology
from chaoslab.verdicts.timeline import Span, end_s, fault_span, samples, started_by
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown

MIN_SAMPLES = 3  # fewer degraded answers than this do not show that it stays so


def degrades(e: Degrades, topology: Topology, history: History) -> Verdict:
    """Health turns 200 degraded within the bound, names what is lost, and stays so."""
    claim = f"{e.app} answers 200 degraded naming {', '.join(e.naming)} within {e.within_s} s"
    span = fault_span(history, e.fault)
    started_s = started_by(history, e.app, e.boot)
    if span is None:
        return unknown("degraded", claim, f"{e.fault} was never seen in force")
    if started_s is None or started_s > span.end_s:
        why = "start-up was not complete while the fault held"
        return failed("degraded", claim, why)
    watch = Span(start_s=max(span.start_s, started_s), end_s=span.end_s)
    seen = [
        s
        for s in samples(history, e.app, e.boot)
        if s.at_s >= watch.start_s and s.at_s + s.took_s <= watch.end_s
    ]
    contract = topology.apps[e.app].health
    return _judge(e, claim, watch, seen, contract)


def _judge(
    e: Degrades, claim: str, watch: Span, seen: list[HealthSample], contract: HealthContract
) -> Verdict:
    first = next((s for s in seen if s.state is HealthState.DEGRADED), None)
    if broken := next((s for s in seen if s.state in _NO_ANSWER), None):
        return failed("degraded", claim, _said(broken))
    if first is None:
        if watch.end_s < watch.start_s + (e.within_s or 0.0):
            short = f"the fault held only {watch.end_s - watch.start_s:.3f} s of the app's time"
            return unknown("degraded", claim, short, *map(_said, seen[-1:]))
        return failed("degraded", claim, "health never said degraded", *map(_said, seen[-1:]))
    after_s = first.at_s + first.took_s - watch.start_s
    if e.within_s is not None and after_s > e.within_s:
        return failed("degraded", claim, f"only after {after_s:.3f} s", _said(first))
    held = [s for s in seen if s.at_s >= first.at_s]
    for sample in held:
        if sample.state is not HealthState.DEGRADED:
            return failed("degraded", claim, "did not stay so while the fault held", _said(sample))
    settled = held[-1]
    lost = contract.lost(settled.dependencies)
    if set(lost) != set(e.naming):
        names = ", ".join(lost) or "nothing"
        return failed("degraded", claim, f"at the end of the fault it names {names} as lost")
    if len(held) < MIN_SAMPLES:
        return unknown("degraded", claim, f"only {len(held)} degraded answers before the heal")
    held_s = watch.end_s - first.at_s
    return passed(
        "degraded",
        claim,
        f"degraded after {after_s:.3f} s, {len(held)} answers over {held_s:.3f} s, all degraded",
        f"names {', '.join(sorted(e.naming))} as lost",
    )


def stays_available(e: StaysAvailable, history: History) -> Verdict:
    """From the end of start-up on, health answers 2xx, and healthy where that is asked."""
    what = "healthy" if e.healthy else "available"
    claim = f"{e.app} stays {what} from the end of start-up on"
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (e.app, e.boot))
    if complete is None:
        return failed("available", claim, "start-up was never complete")
    span = Span(start_s=complete.at_s, end_s=end_s(history))
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= span.start_s]
    good = {HealthState.HEALTHY} if e.healthy else {HealthState.HEALTHY, HealthState.DEGRADED}
    if bad := next((s for s in seen if s.state not in good), None):
        return failed("available", claim, _said(bad))
    if len(seen) < MIN_SAMPLES:
        return unknown("available", claim, f"only {len(seen)} health answers")
    return passed("available", claim, f"{len(seen)} answers, all {what}")


_NO_ANSWER = (HealthState.UNHEALTHY, HealthState.UNREACHABLE)


def _said(sample: HealthSample) -> str:
    answer = sample.error or f"{sample.status_code} {sample.word}"
    return f"at {sample.at_s:.3f} s health was {sample.state.value}: {answer}"
