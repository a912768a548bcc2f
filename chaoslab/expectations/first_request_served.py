"""`first_request_served`: the app serves the first request after the heal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.evidence.given import Given
from chaoslab.evidence.proof import NONE_SENT
from chaoslab.evidence.reasons import NOT_HEALED
from chaoslab.evidence.timeline import Span, answered_s, last_healed_s
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    FaultHealed,
    HealthSample,
    OwnSample,
    ProberSample,
    Ready,
    Request,
)
from chaoslab.history.journal import History
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

GIVEN_UP_S = 5.0  # how long after the bound the run still waits for a request

FIRST = Code(
    "write.first",
    lambda data: (
        f"the first write was sent {data['after_s']:.3f} s after the heal; "
        f"after {data['took_s']:.3f} s: {response_text(data)}"
    ),
    "The first write that was sent after the heal, how long it took and how it was answered.",
    data=("after_s", "took_s", "status_code", "answer", "error"),
)
ASKED_BEFORE = Code(
    "lab.asked_before_write",
    "the lab asked {path} at {at_s:.3f} s, before the first write after the heal",
    "A question of the lab was sent before the first write and answered after the heal. The app "
    "may have replaced its stale connections for that question, and not for that write.",
)
PROBE_BEFORE = Code(
    "lab.probe_before_write",
    "the scenario's probe '{probe}' asked at {at_s:.3f} s, before the first write after the heal",
    "A probe of the scenario asked the app first. The app may have replaced its stale connections "
    "for that question, and not for the first write.",
)
WRITE_BEFORE = Code(
    "lab.write_at_heal",
    "a write sent at {at_s:.3f} s was still under way at the heal",
    "A write that was sent before the heal ended after the heal. The app may have replaced its "
    "stale connections for that write, and not for the first one after the heal.",
)
READINESS_ASKED = Code(
    "lab.readiness_asked_at_heal",
    "the app was not ready before the heal, so the lab may have asked for readiness after it",
    "The lab asks for readiness until the app is ready, so also after the heal.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRequestServed(Expectation):
    """The first request of a load, of any name, that is sent after the heal of `fault` gets a good
    answer within `within_s`.

    The lab itself must not have asked the app between the heal and that request.
    """

    fault: str
    within_s: float = 2.0
    kind: Literal["first_request_served"] = "first_request_served"

    @property
    def named_faults(self) -> tuple[str, ...]:
        return (self.fault,)

    def given(self, run: Run) -> Iterator[Given]:
        if (healed_s := last_healed_s(run.history)) is not None:
            yield Given(span=Span(start_s=healed_s, end_s=healed_s + self.within_s))

    def judged(self, run: Run) -> Verdict:
        history = run.history
        write = f"the first write after the heal of {self.fault}"
        claim = f"{write} is acknowledged within {self.within_s} s"
        healed = history.first(FaultHealed, lambda h: h.fault == self.fault)
        if healed is None:
            return unknown(self.kind, claim, NOT_HEALED(fault=self.fault))
        first = min(
            (w for w in _of_users(self, history) if w.at_s >= healed.at_s),
            key=lambda w: w.at_s,
            default=None,
        )
        if first is None:
            return unknown(self.kind, claim, NONE_SENT())
        after_s = first.at_s - healed.at_s
        because = FIRST(after_s=after_s, took_s=first.took_s, **response(first))
        if first.outcome != "ok" or first.took_s > self.within_s:
            return failed(self.kind, claim, because)
        if other := _lab_traffic(self, history, healed.at_s, first.at_s):
            return unknown(self.kind, claim, other, because)
        return passed(self.kind, claim, because)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        history = run.history
        healed = history.first(FaultHealed, lambda h: h.fault == self.fault)
        begun = healed and any(w.at_s >= healed.at_s for w in _of_users(self, history))
        late = healed and now_s > healed.at_s + self.within_s + GIVEN_UP_S
        return None if begun or late else "the first request after the heal"


def _of_users(e: FirstRequestServed, history: History) -> Iterator[Request]:
    """Yields the requests to the app, without the lab's own look-ups of earlier ones."""
    return (w for w in history.of(Request) if w.app == e.app and w.purpose != "look_up")


def _lab_traffic(
    e: FirstRequestServed, history: History, healed_s: float, until_s: float
) -> Reason | None:
    """The reason with a request, other than the first write, that the lab sent, or may have sent,
    to the app between the heal and the first write; None if there was none.

    A request that was sent before the heal and ended after the heal counts too.
    """
    for sample in history.of(HealthSample):
        if sample.app == e.app and sample.at_s < until_s and answered_s(sample) >= healed_s:
            return ASKED_BEFORE(path="health", at_s=sample.at_s)
    for asked in history.of(ProberSample):
        if asked.app == e.app and asked.at_s < until_s and asked.at_s + asked.took_s >= healed_s:
            path = "liveness" if asked.path == "live" else "readiness"
            return ASKED_BEFORE(path=path, at_s=asked.at_s)
    for w in history.of(Request):
        if w.app == e.app and w.at_s < healed_s <= over_s(w):
            return WRITE_BEFORE(at_s=w.at_s)
        looked_up = w.app == e.app and w.purpose == "look_up"
        if looked_up and healed_s <= over_s(w) and w.at_s < until_s:
            return ASKED_BEFORE(path=f"{w.request} (to look up a write)", at_s=w.at_s)
    for own in history.of(OwnSample):  # a callable may ask any app
        asks = own.app in (e.app, "") and own.at_s < until_s
        if asks and own.at_s + own.took_s >= healed_s:
            return PROBE_BEFORE(probe=own.probe, at_s=own.at_s)
    ready = history.last(Ready, lambda r: r.app == e.app)
    if ready is None or ready.at_s >= healed_s:
        return READINESS_ASKED()
    return None
