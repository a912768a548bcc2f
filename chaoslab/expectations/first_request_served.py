"""After a heal a user asks first, and the app serves that request. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given
from chaoslab.evidence.proof import NONE_SENT
from chaoslab.evidence.reasons import NOT_HEALED
from chaoslab.evidence.timeline import Span, answered_s, last_healed_s
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    FaultHealed,
    HealthSample,
    OwnSample,
    ProberSample,
    Ready,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

GIVEN_UP_S = 5.0  # after the bound, where no request comes

FIRST = Code(
    "write.first",
    lambda data: (
        f"the first write was sent {data['after_s']:.3f} s after the heal; "
        f"after {data['took_s']:.3f} s: {response_text(data)}"
    ),
    "The first write that was sent after the heal, how long it took and what came of it.",
    data=("after_s", "took_s", "status_code", "answer", "error"),
)
ASKED_BEFORE = Code(
    "lab.asked_before_write",
    "the lab asked {path} at {at_s:.3f} s, before the first write after the heal",
    "The answer to a question of the lab came after the heal, so that a stale connection may have"
    " been found before the first write.",
)
WRITE_BEFORE = Code(
    "lab.write_at_heal",
    "a write sent at {at_s:.3f} s was still under way at the heal",
    "A write from before the heal was over after it, so that a stale connection may have been found"
    " before the first write.",
)
READINESS_ASKED = Code(
    "lab.readiness_asked_at_heal",
    "the app was not ready before the heal, so the lab still asked for its readiness",
    "The lab asks for readiness until the app is ready, and so may have asked after the heal.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRequestServed(Expectation):
    """The first write sent after `fault` was healed is acknowledged within `within_s`, with no
    health sample between the heal and it.
    """

    fault: str
    within_s: float = 2.0
    kind: Literal["first_request_served"] = "first_request_served"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)

    @property
    def named_faults(self) -> tuple[str, ...]:
        return (self.fault,)

    @property
    def needs_writes(self) -> bool:
        return True

    def given(self, run: Run) -> Iterator[Given]:
        if (healed_s := last_healed_s(run.history)) is not None:
            yield Given(span=Span(start_s=healed_s, end_s=healed_s + self.within_s))

    def judged(self, run: Run) -> Verdict:
        return first_request_served(self, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return _under_way(self, run.history, now_s)


def first_request_served(e: FirstRequestServed, history: History) -> Verdict:
    """The first traffic after the heal is a user's write, and it is acknowledged in time."""
    claim = f"the first write after the heal of {e.fault} is acknowledged within {e.within_s} s"
    healed = history.first(FaultHealed, lambda h: h.fault == e.fault)
    if healed is None:
        return unknown(e.kind, claim, NOT_HEALED(fault=e.fault))
    first = min(
        (w for w in history.of(Write) if w.app == e.app and w.at_s >= healed.at_s),
        key=lambda w: w.at_s,
        default=None,
    )
    if first is None:
        return unknown(e.kind, claim, NONE_SENT())
    after_s = first.at_s - healed.at_s
    because = FIRST(after_s=after_s, took_s=first.took_s, **response(first))
    if first.outcome != "ok" or first.took_s > e.within_s:
        return failed(e.kind, claim, because)
    if other := _lab_traffic(e, history, healed.at_s, first.at_s):
        return unknown(e.kind, claim, other, because)
    return passed(e.kind, claim, because)


def _lab_traffic(
    e: FirstRequestServed, history: History, healed_s: float, until_s: float
) -> Reason | None:
    """What the lab itself asked the app between the heal and the first write; None if nothing.

    A sample or a write sent before the heal and over after it may have woken a pool as well.
    """
    for sample in history.of(HealthSample):
        if sample.app == e.app and sample.at_s < until_s and answered_s(sample) >= healed_s:
            return ASKED_BEFORE(path="health", at_s=sample.at_s)
    for asked in history.of(ProberSample):
        if asked.app == e.app and asked.at_s < until_s and asked.at_s + asked.took_s >= healed_s:
            path = "liveness" if asked.path == "live" else "readiness"
            return ASKED_BEFORE(path=path, at_s=asked.at_s)
    for w in history.of(Write):
        if w.app == e.app and w.at_s < healed_s <= over_s(w):
            return WRITE_BEFORE(at_s=w.at_s)
    for own in history.of(OwnSample):  # a callable may ask any app
        asks = own.app in (e.app, "") and own.at_s < until_s
        if asks and own.at_s + own.took_s >= healed_s:
            return ASKED_BEFORE(path=f"with the probe '{own.probe}'", at_s=own.at_s)
    ready = history.last(Ready, lambda r: r.app == e.app)
    if ready is None or ready.at_s >= healed_s:
        return READINESS_ASKED()
    return None


def _under_way(e: FirstRequestServed, history: History, now_s: float) -> str | None:
    healed = history.first(FaultHealed, lambda h: h.fault == e.fault)
    begun = healed and history.first(Write, lambda w: w.app == e.app and w.at_s >= healed.at_s)
    late = healed and now_s > healed.at_s + e.within_s + GIVEN_UP_S
    return None if begun or late else "the first request after the heal"
