"""The first traffic after a heal is a user's, and it is served. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    last_healed_s,
)
from chaoslab.evidence.traffic import got, over_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    FaultHealed,
    HealthSample,
    ProberSample,
    Ready,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.verdict import Verdict, failed, passed, unknown

GIVEN_UP_S = 5.0  # after the bound, where no request comes


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
    """The first traffic after the heal is a user's, and it is served."""
    claim = f"the first request after the heal of {e.fault} is served within {e.within_s} s"
    healed = history.first(FaultHealed, lambda h: h.fault == e.fault)
    if healed is None:
        return unknown(e.kind, claim, f"{e.fault} was not healed")
    first = min(
        (w for w in history.of(Write) if w.app == e.app and w.at_s >= healed.at_s),
        key=lambda w: w.at_s,
        default=None,
    )
    if first is None:
        return unknown(e.kind, claim, "no request was sent after the heal")
    late_s = first.at_s - healed.at_s
    because = f"{late_s:.3f} s after the heal: {first.took_s:.3f} s for {got(first)}"
    if first.outcome != "ok" or first.took_s > e.within_s:
        return failed(e.kind, claim, because)
    if other := _lab_traffic(e, history, healed.at_s, first.at_s):
        return unknown(e.kind, claim, f"{other} before the request", because)
    return passed(e.kind, claim, because)


def _lab_traffic(e: FirstRequestServed, history: History, healed_s: float, until_s: float) -> str:
    """What the lab itself asked the app between the heal and the first request; empty if nothing.

    A sample or a write sent before the heal and over after it may have woken a pool as well.
    """
    for sample in history.of(HealthSample):
        if sample.app == e.app and sample.at_s < until_s and answered_s(sample) >= healed_s:
            return f"health was asked at {sample.at_s:.3f} s,"
    for asked in history.of(ProberSample):
        if asked.app == e.app and asked.at_s < until_s and asked.at_s + asked.took_s >= healed_s:
            return f"{asked.path} was asked at {asked.at_s:.3f} s,"
    for w in history.of(Write):
        if w.app == e.app and w.at_s < healed_s <= over_s(w):
            return f"a write sent at {w.at_s:.3f} s was under way at the heal,"
    ready = history.last(Ready, lambda r: r.app == e.app)
    if ready is None or ready.at_s >= healed_s:
        return "the lab was still asking for readiness"
    return ""


def _under_way(e: FirstRequestServed, history: History, now_s: float) -> str | None:
    healed = history.first(FaultHealed, lambda h: h.fault == e.fault)
    begun = healed and history.first(Write, lambda w: w.app == e.app and w.at_s >= healed.at_s)
    late = healed and now_s > healed.at_s + e.within_s + GIVEN_UP_S
    return None if begun or late else "the first request after the heal"
