"""Proof of a recovery: a write after the heal, or health that changed. Pure.

An app that always answers OK is not shown to have recovered. So a recovery from each fault must be
observed: the app acknowledged a write that the lab found in the service to which the fault had cut
the path; or health was not healthy when the heal began, and is healthy again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaoslab.evidence.claim import Bounded
from chaoslab.evidence.reasons import NOT_REACHED
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    faults_begun_s,
    life,
    samples,
    watched_until_s,
)
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.evidence.writing import looked_up
from chaoslab.history.events import (
    FaultHealed,
    FaultHealing,
    FaultRequested,
    HealthSample,
    Request,
)
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthState
from chaoslab.model.verdict import Outcome
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]

# --- a write after the heal ---

NONE_SENT = Code(
    "write.none_sent",
    "no write was sent after the heal",
    "The lab sent no write of its own after the heal. For `first_request_served`, no load sent "
    "one either.",
)
NONE_ACKNOWLEDGED = Code(
    "proof.none_acknowledged",
    lambda data: f"no write was acknowledged ({response_text(data)})",
    "Writes were sent after the heal, and none was acknowledged. Status, answer and error are of "
    "the last one.",
    data=("tries", "status_code", "answer", "error"),
)
LATE = Code(
    "proof.late",
    "the first write was acknowledged only {after_s:.3f} s after the heal, {late_s:.3f} s too late",
    "The app acknowledged its first write after the heal only after the bound.",
)


def _tries_before(data: Data) -> str:
    tries = "try before it was" if data["tries"] == 1 else "tries before it were"
    return f"{data['tries']} {tries} not acknowledged ({response_text(data)})"


TRIES_BEFORE = Code(
    "proof.tries_before",
    _tries_before,
    "Writes before the first acknowledged one. Status, answer and error are of the last of them.",
    data=("tries", "status_code", "answer", "error"),
)
TOOK_LONG = Code(
    "proof.took_long",
    "it was sent {after_s:.3f} s after the heal and took {took_s:.3f} s",
    "The first write after the heal was acknowledged, but only after the bound. `took_s` is how "
    "long that write took.",
)
NONE_AT_BOUND = Code(
    "proof.none_at_bound",
    "no write was under way at the bound, {bound_s:.3f} s; "
    "the one that was acknowledged was sent {after_s:.3f} s after the heal",
    "The bound passed between two writes, so it is not known whether the app would have"
    " acknowledged one in time.",
)
NOT_LOOKED_UP = Code(
    "proof.not_looked_up",
    "write {op} was not looked up in the database after it was acknowledged",
    "The lab did not look for the write in the database after the app acknowledged it.",
)
LOST = Code(
    "proof.lost",
    "write {op} was acknowledged and is not in the database",
    "The lab looked for an acknowledged write in the database, and did not find it.",
)
FOUND = Code(
    "proof.found",
    "write {op} was acknowledged and found in {service} itself",
    "The lab found an acknowledged write in the database, past every proxy.",
)

# --- the path that a fault had cut ---


def _services(data: Data) -> str:
    return " and ".join(data["services"])


WAY_NOT_OBSERVED = Code(
    "recovery.way_back_not_observed",
    lambda data: (
        f"health was not observed to change under {data['fault']}, "
        f"and no write proved that the app reaches {_services(data)} again"
    ),
    "Neither a write in one of these services nor health shows that the app uses the path again"
    " that the fault had cut.",
    data=("fault", "services"),
)
DECLARE_WRITES = Code(
    "recovery.declare_writes",
    "declare a write of [apps.{app}.requests] that is found in that service, or let health name it",
    "What to add, so that the lab can observe whether the app uses the path again: a write "
    "contract in the topology, or a name in the app's health.",
)
BY_HEALTH = Code(
    "recovery.by_health",
    lambda data: (
        f"by its health alone after {data['fault']}: health was {data['state']} at "
        f"{data['at_s']:.3f} s, no write proved that the app reaches {_services(data)} again"
    ),
    "Only health shows that the app uses the path again: it was not healthy under the fault.",
    data=("fault", "services", "state", "at_s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether a recovery is shown (`outcome`), and the reasons (`because`). `service` is the one in
    which the lab found a write; empty if it found none.
    """

    outcome: Outcome
    because: tuple[Reason, ...]
    service: str = ""


def by_write(e: Bounded, history: History, span: Span) -> Proof:
    """The Proof of a recovery by a write of the lab. PASS: this boot acknowledged a write within
    the bound after the heal, and the lab found it in the database. FAIL: the write was lost, too
    late or never acknowledged. UNKNOWN: the history cannot decide.

    The lab begins to write once health is healthy, and tries again until a write is acknowledged.
    """
    tries = _writes(e, history, span, "proof")
    proof = next((w for w in tries if w.outcome == "ok"), None)
    if not tries:
        return _unknown(NONE_SENT())
    due_s = span.start_s + (e.within_s or 0.0)
    if proof is None:
        none = NONE_ACKNOWLEDGED(tries=len(tries), **response(tries[-1]))
        until_s = min(watched_until_s(history, e.app, e.boot), span.end_s)
        if until_s - span.start_s < (e.within_s or 0.0):
            return _unknown(none, NOT_REACHED(until_s=until_s, bound_s=due_s))
        return Proof(outcome=Outcome.FAIL, because=(none,))
    if over_s(proof) > due_s:
        return _late(proof, tries, due_s, span)
    return _found(proof, history)


def by_load(e: Bounded, history: History, span: Span) -> Proof:
    """The Proof of a recovery by a write of the plan's load. PASS: this boot acknowledged a write
    within the bound after the heal, and the lab found it in the database. Else UNKNOWN, without a
    reason.
    """
    due_s = span.start_s + (e.within_s or 0.0)
    served = [w for w in _writes(e, history, span, "load") if w.outcome == "ok"]
    found = (_found(w, history) for w in served if over_s(w) <= due_s)
    return next((f for f in found if f.outcome is Outcome.PASS), _unknown())


def _writes(e: Bounded, history: History, span: Span, purpose: str) -> list[Request]:
    """The writes of `purpose` to this boot that were sent after the heal and over before the next
    fault and the boot's end, in the order in which they were sent.
    """
    lived = life(history, e.app, e.boot)
    until_s = min(span.end_s, lived.end_s) if lived else -math.inf
    sent = (w for w in history.of(Request) if w.of_kind == "write")
    mine = (w for w in sent if (w.app, w.purpose) == (e.app, purpose))
    return sorted(
        (w for w in mine if w.at_s >= span.start_s and over_s(w) <= until_s), key=lambda w: w.at_s
    )


def _late(proof: Request, tries: list[Request], due_s: float, span: Span) -> Proof:
    """The Proof FAIL: the app acknowledged the write `proof` after the bound `due_s`. UNKNOWN if
    the write was sent after the bound and no earlier one was open at the bound or later: then no
    write shows what the app would have done at the bound.
    """
    after_s, sent_s = over_s(proof) - span.start_s, proof.at_s - span.start_s
    before = [w for w in tries if w.at_s < proof.at_s]
    if proof.at_s > due_s and not any(over_s(w) >= due_s for w in before):
        return _unknown(NONE_AT_BOUND(bound_s=due_s, after_s=sent_s))
    late = LATE(after_s=after_s, late_s=over_s(proof) - due_s)
    if before:
        how = TRIES_BEFORE(tries=len(before), **response(before[-1]))
    else:
        how = TOOK_LONG(after_s=sent_s, took_s=proof.took_s)
    return Proof(outcome=Outcome.FAIL, because=(late, how))


def _found(proof: Request, history: History) -> Proof:
    looked = looked_up(proof, history)
    if looked is None:
        return _unknown(NOT_LOOKED_UP(op=proof.op))
    if proof.op in looked.missing:
        return Proof(outcome=Outcome.FAIL, because=(LOST(op=proof.op),))
    found = FOUND(op=proof.op, service=looked.service)
    return Proof(outcome=Outcome.PASS, because=(found,), service=looked.service)


def _unknown(*because: Reason) -> Proof:
    return Proof(outcome=Outcome.UNKNOWN, because=because)


def recovery_shown(
    e: Bounded, history: History, span: Span, faults: Sequence[Declared], service: str
) -> Proof:
    """The Proof PASS if the app is shown to use again each path that a fault had cut while this
    boot ran, else UNKNOWN.

    A path is shown by a write that was found in `service`, if the fault had cut the path to
    `service`, or by health.
    """
    at_once = {f.label for f in faults if f.path_returns_before_heal}
    by_health, unproved = [], []
    for fault, services in _healed(e, history, span).items():
        if service in services:
            continue
        turn = _turned(e, history, fault, services, at_once=fault in at_once)
        names = sorted(services)
        if turn is None:
            unproved.append(WAY_NOT_OBSERVED(fault=fault, services=names))
        else:
            state, at_s = turn.state.value, turn.at_s
            by_health.append(BY_HEALTH(fault=fault, services=names, state=state, at_s=at_s))
    if unproved:
        return _unknown(*unproved, DECLARE_WRITES(app=e.app))
    return Proof(outcome=Outcome.PASS, because=tuple(by_health))


def _healed(e: Bounded, history: History, span: Span) -> dict[str, set[str]]:
    """Maps each fault that was healed while this boot ran to the services to which it had cut the
    app's path.
    """
    lived = life(history, e.app, e.boot)
    begun_s = lived.start_s if lived else math.inf
    cut = _cut(e, history)
    mine = [h.fault for h in history.of(FaultHealed) if begun_s <= h.at_s <= span.start_s]
    return {fault: cut[fault] for fault in mine if cut.get(fault)}


def _cut(e: Bounded, history: History) -> dict[str, set[str]]:
    """Maps each fault that was requested to the services to which it cuts the app's path."""
    cut: dict[str, set[str]] = {}
    for asked in history.of(FaultRequested):
        links = (link.partition(".") for link in asked.links)
        mine = {service for app, _, service in links if app == e.app}
        cut[asked.fault] = cut.get(asked.fault, set()) | mine
    return cut


def _turned(
    e: Bounded, history: History, fault: str, services: set[str], *, at_once: bool
) -> HealthSample | None:
    """The first answer of health that shows the fault: it is not healthy, and the fault caused it.
    None if there is none.

    Health must not be healthy again before the heal. With `at_once` the path itself returned before
    the heal, and any answer since the fault began counts. Requests without an answer do not count
    if the app had never answered before. Answers during another fault that cuts another path do not
    count, unless they name one of `services`.
    """
    begun = faults_begun_s(history)
    healing = history.first(FaultHealing, lambda h: h.fault == fault)
    healed = history.first(FaultHealed, lambda h: h.fault == fault)
    if fault not in begun or healed is None:
        return None
    next_s = min((at_s for at_s in begun.values() if at_s > healed.at_s), default=math.inf)
    asked = samples(history, e.app, e.boot)
    heard_s = min((answered_s(s) for s in asked if s.status_code is not None), default=math.inf)
    mine = [
        s
        for s in asked
        if begun[fault] <= s.at_s < next_s and (s.status_code is not None or s.at_s >= heard_s)
    ]
    healing_s = healing.at_s if healing else healed.at_s
    before = [s.at_s for s in mine if answered_s(s) <= healing_s]
    from_s = begun[fault] if at_once or not before else before[-1]
    healthy_s = [s.at_s for s in mine if s.state is HealthState.HEALTHY and s.at_s < from_s]
    since_s = max(healthy_s, default=from_s if at_once else begun[fault])
    bad = [s for s in mine if s.at_s >= since_s and s.state is not HealthState.HEALTHY]
    late = [s for s in bad if s.at_s >= from_s]
    others = _others(e, history, fault, services)
    well = next((s for s in reversed(asked) if s.state is HealthState.HEALTHY), None)
    its_own = (
        not any(span.holds(s.at_s) for span in others) or (well and _names(s, services, well))
        for s in bad
    )
    return late[0] if late and any(its_own) else None


def _others(e: Bounded, history: History, fault: str, services: set[str]) -> list[Span]:
    """The times in which other faults cut the app's path to other services, each until health is
    healthy again.
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
    """Whether the answer `sample` has another word for one of `services` than the healthy answer
    `well` has.
    """
    known = {name: sample.dependencies[name] for name in services & set(sample.dependencies)}
    return any(word != well.dependencies.get(name) for name, word in known.items())
