"""What proves a recovery: a write that was served after the heal, or health that had turned. Pure.

An app that says OK whatever happens, and is never asked for anything, would pass for recovered. So
each fault needs a way back that was seen: a write that the app acknowledged, and that was found in
the service to which the fault had cut the path; or health that was not healthy for as long as the
fault was in force, and is again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chaoslab.evidence.claim import Bounded
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    faults_begun_s,
    life,
    samples,
    watched_until_s,
)
from chaoslab.evidence.traffic import got, over_s
from chaoslab.evidence.writing import looked_up
from chaoslab.history.events import (
    FaultHealed,
    FaultHealing,
    FaultRequested,
    HealthSample,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthState
from chaoslab.model.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the write shows; `service` is where it was found, empty where it was not."""

    outcome: Outcome
    because: tuple[str, ...]
    service: str = ""


def by_write(e: Bounded, history: History, span: Span) -> Proof:
    """A write acknowledged by this very process within the bound of the heal, looked up after it.

    The lab begins to write once health is healthy, and tries again until a write is acknowledged.
    """
    tries = _writes(e, history, span, "proof")
    proof = next((w for w in tries if w.outcome == "ok"), None)
    if not tries:
        return _unknown("no write was tried after the heal")
    if proof is None:
        none = f"no write was acknowledged ({got(tries[-1])})"
        watched_s = min(watched_until_s(history, e.app, e.boot), span.end_s) - span.start_s
        if watched_s < (e.within_s or 0.0):
            return _unknown(none, f"watched for only {watched_s:.3f} s")
        return Proof(outcome=Outcome.FAIL, because=(none,))
    due_s = span.start_s + (e.within_s or 0.0)
    if over_s(proof) > due_s:
        return _late(proof, tries, due_s, span)
    return _found(proof, history)


def by_load(e: Bounded, history: History, span: Span) -> Proof:
    """A write of the plan's own load that was served in time; without one, nothing is claimed."""
    due_s = span.start_s + (e.within_s or 0.0)
    served = [w for w in _writes(e, history, span, "load") if w.outcome == "ok"]
    found = (_found(w, history) for w in served if over_s(w) <= due_s)
    return next((f for f in found if f.outcome is Outcome.PASS), _unknown())


def _writes(e: Bounded, history: History, span: Span, purpose: str) -> list[Write]:
    """Those to this boot that were sent and over between the heal and the next fault."""
    lived = life(history, e.app, e.boot)
    until_s = min(span.end_s, lived.end_s) if lived else -math.inf
    mine = (w for w in history.of(Write) if (w.app, w.purpose) == (e.app, purpose))
    return sorted(
        (w for w in mine if w.at_s >= span.start_s and over_s(w) <= until_s), key=lambda w: w.at_s
    )


def _late(proof: Write, tries: list[Write], due_s: float, span: Span) -> Proof:
    """Too late, where a write that the app did not acknowledge was under way at the bound, or sent
    after it; else nobody wrote at the bound.
    """
    after_s, sent_s = over_s(proof) - span.start_s, proof.at_s - span.start_s
    before = [w for w in tries if w.at_s < proof.at_s]
    if proof.at_s > due_s and not any(over_s(w) >= due_s for w in before):
        told = f"the one that was acknowledged was sent {sent_s:.3f} s after the heal"
        return _unknown(f"no write was under way at the bound, {due_s:.3f} s; {told}")
    late = f"the first write was acknowledged only {after_s:.3f} s after the heal"
    told = f"{late}, {over_s(proof) - due_s:.3f} s too late"
    if before:
        how = f"{len(before)} tries before it were not acknowledged ({got(before[-1])})"
    else:
        how = f"it was sent {sent_s:.3f} s after the heal and took {proof.took_s:.3f} s"
    return Proof(outcome=Outcome.FAIL, because=(told, how))


def _found(proof: Write, history: History) -> Proof:
    looked = looked_up(proof, history)
    if looked is None:
        return _unknown(f"write {proof.op} was never looked up")
    if proof.op in looked.missing:
        lost = f"write {proof.op} was acknowledged and is not in the database"
        return Proof(outcome=Outcome.FAIL, because=(lost,))
    found = f"write {proof.op} acknowledged and found in {looked.service} itself"
    return Proof(outcome=Outcome.PASS, because=(found,), service=looked.service)


def _unknown(*because: str) -> Proof:
    return Proof(outcome=Outcome.UNKNOWN, because=because)


def way_shown(
    e: Bounded, history: History, span: Span, faults: Sequence[Declared], service: str
) -> Proof:
    """Whether each fault that was healed in this boot's time is shown to be got over: by a write
    found in `service`, where the fault was on the path to it, or by health.
    """
    at_once = {f.label for f in faults if f.path_returns_before_heal}
    by_health, unproved = [], []
    for fault, services in _healed(e, history, span).items():
        if service in services:
            continue
        turn = _turned(e, history, fault, services, at_once=fault in at_once)
        names = " and ".join(sorted(services))
        if turn is None:
            unproved.append(
                f"health was not seen to turn under {fault}, "
                f"and no request proved the way back to {names}"
            )
        else:
            told = f"health was {turn.state.value} at {turn.at_s:.3f} s, no write went to {names}"
            by_health.append(f"by its health alone after {fault}: {told}")
    if unproved:
        fix = "declare [apps.<app>.writes] for that service, or let health name it"
        return _unknown(*unproved, fix)
    return Proof(outcome=Outcome.PASS, because=tuple(by_health))


def _healed(e: Bounded, history: History, span: Span) -> dict[str, set[str]]:
    """The services to which each fault cut the app's path, of those healed while this boot ran."""
    lived = life(history, e.app, e.boot)
    begun_s = lived.start_s if lived else math.inf
    cut = _cut(e, history)
    mine = [h.fault for h in history.of(FaultHealed) if begun_s <= h.at_s <= span.start_s]
    return {fault: cut[fault] for fault in mine if cut.get(fault)}


def _cut(e: Bounded, history: History) -> dict[str, set[str]]:
    """The services to which each fault cuts the app's path."""
    cut: dict[str, set[str]] = {}
    for asked in history.of(FaultRequested):
        links = (link.partition(".") for link in asked.links)
        mine = {service for app, _, service in links if app == e.app}
        cut[asked.fault] = cut.get(asked.fault, set()) | mine
    return cut


def _turned(
    e: Bounded, history: History, fault: str, services: set[str], *, at_once: bool
) -> HealthSample | None:
    """An answer other than healthy that is the fault's doing: health was not back to healthy before
    the heal. Only `at_once`, where the path itself was back before it, any answer since counts.

    What an app that never answered before did not answer says nothing of the fault; nor does an
    answer in the time of another fault that cut another path, unless it names one of `services`.
    """
    begun = faults_begun_s(history)
    healing = history.first(FaultHealing, lambda h: h.fault == fault)
    healed = history.first(FaultHealed, lambda h: h.fault == fault)
    if fault not in begun or healed is None:
        return None
    next_s = min((at_s for at_s in begun.values() if at_s > healed.at_s), default=math.inf)
    asked = samples(history, e.app, e.boot)
    heard_s = min((answered_s(s) for s in asked if s.status_code is not None), default=math.inf)
    told = [
        s
        for s in asked
        if begun[fault] <= s.at_s < next_s and (s.status_code is not None or s.at_s >= heard_s)
    ]
    healing_s = healing.at_s if healing else healed.at_s
    before = [s.at_s for s in told if answered_s(s) <= healing_s]
    from_s = begun[fault] if at_once or not before else before[-1]
    healthy_s = [s.at_s for s in told if s.state is HealthState.HEALTHY and s.at_s < from_s]
    since_s = max(healthy_s, default=from_s if at_once else begun[fault])
    bad = [s for s in told if s.at_s >= since_s and s.state is not HealthState.HEALTHY]
    late = [s for s in bad if s.at_s >= from_s]
    others = _others(e, history, fault, services)
    well = next((s for s in reversed(asked) if s.state is HealthState.HEALTHY), None)
    its_own = (
        not any(span.holds(s.at_s) for span in others) or (well and _names(s, services, well))
        for s in bad
    )
    return late[0] if late and any(its_own) else None


def _others(e: Bounded, history: History, fault: str, services: set[str]) -> list[Span]:
    """The times in which other faults cut the app's path to other services, and health had not yet
    been healthy since.
    """
    begun, cut = faults_begun_s(history), _cut(e, history)
    healed_s = {h.fault: h.at_s for h in history.of(FaultHealed)}
    asked = samples(history, e.app, e.boot)
    well_s = [s.at_s for s in asked if s.state is HealthState.HEALTHY]
    spans = []
    for other, at_s in begun.items():
        if other != fault and cut.get(other, set()) - services:
            over_s = healed_s.get(other, math.inf)
            end_s = next((s for s in well_s if s >= over_s), math.inf)
            spans.append(Span(start_s=at_s, end_s=end_s))
    return spans


def _names(sample: HealthSample, services: set[str], well: HealthSample) -> bool:
    """Whether it has another word for one of these services than a healthy answer has."""
    known = {name: sample.dependencies[name] for name in services & set(sample.dependencies)}
    return any(word != well.dependencies.get(name) for name, word in known.items())
