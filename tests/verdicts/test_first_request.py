"""The first request after the heal: served in time, with no request of the lab before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import FirstRequestServed
from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    HealthSample,
    ProberSample,
    Ready,
    Request,
)
from chaoslab.model.verdict import Verdict

from .events import (
    HEALTHY,
    UNREACHABLE,
    between,
    of,
    ready,
    sample,
    without,
    write,
)
from .histories import healthy_run, run_of
from .reading import codes, data
from .recovering import why


def quiet(*events: AnyEvent) -> list[AnyEvent]:
    """A run in which the lab does not ask health from 2.0 on; the heal is at 3.02."""
    return [
        *without(healthy_run(), between(2.0, 9.0)),
        FaultHealed(at_s=3.02, fault="out"),
        *events,
    ]


def first(events: list[AnyEvent]) -> Verdict:
    e = FirstRequestServed(fault="out", app="backend", within_s=1.0)
    return e.judged(run_of(events))


def test_a_first_request_that_is_served_passes() -> None:
    """0.5 s after the heal, answered 201 in 0.02 s, with no request before it."""
    assert first(quiet(write(3.5, "a"), sample(3.6, HEALTHY))).outcome == "PASS"


@pytest.mark.parametrize(
    "request_",
    [
        write(3.5, "a", "failed", code=503),
        write(3.5, "a", "indeterminate", code=None, took_s=2.0),
        write(3.5, "a", took_s=1.2),
    ],
    ids=["refused", "no answer", "too slow"],
)
def test_a_first_request_that_is_not_served_in_time_fails(request_: Request) -> None:
    """A second request that succeeds does not help."""
    assert first(quiet(request_, write(3.6, "b"))).outcome == "FAIL"


@pytest.mark.parametrize(
    "traffic",
    [sample(3.1, HEALTHY), sample(2.9, HEALTHY, took_s=0.2), sample(3.05, UNREACHABLE)],
    ids=["after the heal", "in flight at the heal", "without an answer"],
)
def test_health_traffic_before_the_request_makes_it_unknown(traffic: HealthSample) -> None:
    """It may have renewed stale connections of the pool."""
    verdict = first(quiet(traffic, write(3.5, "a")))
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "lab.asked_before_write")
    assert data(verdict, "lab.asked_before_write") == {"path": "health", "at_s": traffic.at_s}
    other = replace(traffic, app="auth")
    assert first(quiet(other, write(3.5, "a"))).outcome == "PASS"


def test_a_request_that_is_not_served_is_quoted() -> None:
    """The reason has the app's own answer."""
    said = "server closed the connection unexpectedly"
    refused = replace(write(3.5, "a", "indeterminate", code=500), answer=said)
    assert f"500: {said}" in why(first(quiet(refused)))


def test_a_prober_of_the_labs_before_the_request_makes_it_unknown() -> None:
    """Readiness may ask the database, and so renew connections of the pool."""
    asked = ProberSample(
        at_s=3.2, app="backend", boot=1, path="ready", took_s=0.01, status_code=200
    )
    assert first(quiet(asked, write(3.5, "a"))).outcome == "UNKNOWN"
    assert first(quiet(replace(asked, at_s=2.9), write(3.5, "a"))).outcome == "PASS"
    assert first(quiet(replace(asked, at_s=3.6), write(3.5, "a"))).outcome == "PASS"


def test_a_write_under_way_at_the_heal_makes_it_unknown() -> None:
    """Sent before the heal and over after it, it may have renewed connections."""
    early = write(2.8, "b", took_s=0.3)
    verdict = first(quiet(early, write(3.5, "a")))
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "lab.write_at_heal")
    assert first(quiet(replace(early, app="auth"), write(3.5, "a"))).outcome == "PASS"
    assert first(quiet(write(2.8, "b", took_s=0.1), write(3.5, "a"))).outcome == "PASS"


def test_a_lab_that_still_asks_for_readiness_makes_it_unknown() -> None:
    """The boot probe asks until the app is ready, also after the heal."""
    events = without(quiet(write(3.5, "a")), of(Ready))
    verdict = first(events)
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "lab.readiness_asked_at_heal")
    assert first([*events, ready(3.2)]).outcome == "UNKNOWN"
    assert first([*events, ready(2.9)]).outcome == "PASS"


def test_without_a_heal_or_a_request_it_is_unknown() -> None:
    """A request before the heal is not the first after it."""
    assert first(without(quiet(write(3.5, "a")), of(FaultHealed))).outcome == "UNKNOWN"
    assert first(quiet(write(2.9, "a"))).outcome == "UNKNOWN"


def test_a_look_up_through_the_app_is_no_users_request() -> None:
    """It is the lab's, and may have renewed the app's connections."""
    look = replace(write(3.2, "a"), purpose="look_up", request="seen", of_kind="read")
    verdict = first(quiet(look, write(3.5, "b", "failed", code=503)))
    assert verdict.outcome == "FAIL"
    served = first(quiet(look, write(3.5, "b")))
    assert served.outcome == "UNKNOWN"
    assert "the lab asked seen (to look up a write) at 3.200 s" in "\n".join(served.texts)
