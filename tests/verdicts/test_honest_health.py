"""Health that stays healthy while requests fail, and when that is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chaoslab.errors import SpecError
from chaoslab.expectations import HonestHealth
from chaoslab.history.events import AnyEvent, HealthSample, Request
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.verdict import Verdict

from .case import DOWN
from .events import DEGRADED, HEALTHY, UNHEALTHY, UNREACHABLE, between, samples, without, writes
from .histories import judged, stopped_under_load
from .plans import TOPOLOGY
from .policy_cases import answering


def verdict(events: list[AnyEvent], expect: HonestHealth | None = None) -> Verdict:
    return judged(events, expect or HonestHealth(), faults=(DOWN,))[0]


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.because]


LYING = answering(*samples(2.6, 5.0, HEALTHY))


def test_a_lie_is_cited_with_its_figures_and_the_first_failure() -> None:
    """The counts, the times, and what the client got."""
    found = verdict(LYING)
    why = next(reason for reason in found.because if reason.code == "health.healthy_while_failing")
    assert found.outcome == "FAIL"
    assert (why.data["request"], why.data["status_code"]) == ("write", 503)
    assert why.data["failed"] == why.data["requests"] == 41
    assert why.data["start_s"] == pytest.approx(2.47)
    assert why.data["answers"] > 10


@pytest.mark.parametrize("noticed_s", [3.4, 4.2])
def test_health_that_notices_in_the_end_is_no_lie(noticed_s: float) -> None:
    """How soon it must notice is a matter of `Degrades`."""
    late = [*samples(2.6, noticed_s, HEALTHY), *samples(noticed_s, 5.0, DEGRADED)]
    assert verdict(answering(*late)).outcome == "PASS"


def test_a_start_that_takes_long_is_no_answer_of_health() -> None:
    """Requests fail while the app starts, and go on failing while health is healthy."""
    starting = [*samples(2.6, 3.2, UNREACHABLE), *samples(3.2, 5.0, HEALTHY)]
    events = without(answering(*starting), lambda e: isinstance(e, HealthSample) and e.at_s < 2.6)
    found = verdict(events, HonestHealth(within_s=0.6))
    why = next(reason for reason in found.because if reason.code == "health.healthy_while_failing")
    assert found.outcome == "FAIL"
    assert why.data["start_s"] == pytest.approx(3.2, abs=0.1)
    never = [e for e in events if not (isinstance(e, HealthSample) and 3.1 < e.at_s < 5.0)]
    assert verdict(never, HonestHealth(within_s=0.6)).outcome == "PASS"


def test_an_app_with_more_time_than_the_fault_lasts_is_not_judged() -> None:
    """An honest app may notice in the last moment."""
    found = verdict(LYING, HonestHealth(within_s=10.0))
    assert found.outcome == "UNKNOWN"
    assert codes(found)[0] == "health.failing_too_shortly"


def test_a_health_that_hangs_is_no_lie() -> None:
    """No answer is not a healthy one."""
    hung = [replace(s, took_s=0.3) for s in samples(2.6, 4.4, UNREACHABLE)[::8]]
    assert verdict([*without(LYING, between(2.55, 5.0)), *hung]).outcome == "PASS"


@pytest.mark.parametrize("races", [(2.45, 2.7), (4.2, 4.5)])
def test_the_races_at_the_begin_and_the_end_are_not_judged(races: tuple[float, float]) -> None:
    """Requests that fail for less than a second, while all others are served."""
    start_s, end_s = races
    kept = without(LYING, lambda e: isinstance(e, Request) and 2.3 < e.at_s < 5.0)
    served = [w for w in writes(2.4, 5.0) if not start_s <= w.at_s < end_s]
    failed = writes(start_s, end_s, "failed", code=503)
    assert verdict([*kept, *served, *failed]).outcome == "PASS"


def test_requests_that_hang_fail_as_well() -> None:
    """Their clients stopped waiting."""
    kept = without(LYING, lambda e: isinstance(e, Request) and 2.3 < e.at_s < 5.0)
    hung = writes(2.4, 5.0, "indeterminate", code=None, took_s=0.4)
    assert verdict([*kept, *hung]).outcome == "FAIL"


def failing_sometimes(
    under: Sequence[bool], *, before: Sequence[bool] = (True,), after: Sequence[bool] = (True,)
) -> list[AnyEvent]:
    """The lie, with writes that are good by turns: `under` the fault from 2.45 s, and before and
    after it. Where `under` ends, all are good.
    """
    kept = without(LYING, lambda e: isinstance(e, Request))
    good = dict(zip((f"{2.45 + 0.05 * n:.2f}" for n in range(41)), under, strict=False))
    sent: list[AnyEvent] = []
    for n, w in enumerate(writes(1.1, 6.9)):
        turns = before if w.at_s < 2.45 else after
        if 2.45 <= w.at_s < 4.5:
            turns = (good.get(f"{w.at_s:.2f}", True),)
        ok = turns[n % len(turns)]
        sent.append(w if ok else replace(w, outcome="failed", status_code=500))
    return [*kept, *sent]


ONE_OF_THREE = (False, False, True) * 13


def test_health_that_stays_healthy_while_some_requests_fail_lies_too() -> None:
    """Two of three writes fail, never three in a row: as with one dead connection in a pool."""
    found = verdict(failing_sometimes(ONE_OF_THREE))
    why = next(reason for reason in found.because if reason.code == "health.healthy_while_failing")
    assert found.outcome == "FAIL"
    assert (why.data["failed"], why.data["requests"]) == (26, 38)


def test_requests_that_fail_as_often_without_the_fault_show_nothing_about_health() -> None:
    """The fault changed nothing, so health has nothing to notice."""
    found = verdict(failing_sometimes(ONE_OF_THREE, before=ONE_OF_THREE))
    why = found.because[0]
    assert found.outcome == "UNKNOWN"
    assert why.code == "health.fails_without_fault"
    assert (why.data["request"], why.data["failed"]) == ("write", 26)
    assert why.text.startswith("16 of 24 requests 'write' failed without a fault, and 26 of 38")


def test_a_rare_failure_before_the_fault_excuses_no_lie() -> None:
    """One of ten writes fails without the fault, two of three under it."""
    rare = (False, *(True,) * 9)
    assert verdict(failing_sometimes(ONE_OF_THREE, before=rare)).outcome == "FAIL"


def test_requests_that_were_not_sent_before_the_fault_are_compared_with_those_after_it() -> None:
    """As where the fault is there at boot. The recovery does not count: from the first good
    answer on.
    """
    for after, outcome in ((ONE_OF_THREE, "UNKNOWN"), ((True,), "FAIL")):
        events = failing_sometimes(ONE_OF_THREE, after=after)
        late = without(events, lambda e: isinstance(e, Request) and e.at_s < 2.45)
        assert verdict(late).outcome == outcome


def test_failures_that_become_few_are_no_lie_and_have_their_own_reason() -> None:
    """Health had a second to notice, and then only two writes failed: not too few answers."""
    few = [True] * 41
    few[:20] = [False, False, True] * 6 + [False, True]
    few[20:26] = [True, False, True, True, False, True]
    found = verdict(failing_sometimes(few))
    why = found.because[0]
    assert (found.outcome, why.code) == ("UNKNOWN", "health.few_failures_after")
    assert why.data["late"] == 2
    assert "only 2 of them failed later than 1 s after the first failure" in why.text


def test_a_request_that_never_works_shows_nothing_about_health() -> None:
    """It may be declared wrongly."""
    never = [
        replace(e, outcome="failed", status_code=404) if isinstance(e, Request) else e
        for e in LYING
    ]
    found = verdict(never)
    assert found.outcome == "UNKNOWN"
    assert codes(found)[0] == "health.request_never_good"


def test_few_answers_of_health_are_not_enough() -> None:
    """Two answers in the whole outage show no state that lasted."""
    few = without(LYING, lambda e: isinstance(e, HealthSample) and 2.5 < e.at_s < 4.5)
    assert verdict(few).outcome == "UNKNOWN"


def test_health_that_is_never_healthy_needs_no_requests_beside_it() -> None:
    """An app that does not listen yet gets no requests, and does not claim to be well."""
    down = [s for s in samples(2.45, 5.0, UNHEALTHY) if s.at_s < 4.5]
    kept = without(stopped_under_load(), between(2.4, 5.0))
    none = without(kept, lambda e: isinstance(e, Request) and 2.3 < e.at_s < 4.9)
    assert verdict([*none, *down]).outcome == "PASS"
    assert verdict([*none, *down, *samples(4.0, 4.2, HEALTHY)]).outcome == "UNKNOWN"


def test_a_plan_without_a_load_cannot_show_it() -> None:
    """The claim compares health with requests."""
    with pytest.raises(SpecError) as caught:
        resolve(Plan(faults=(DOWN,), expect=(HonestHealth(),)), TOPOLOGY)
    assert "expectation.no_load" in {p.reason.code for p in caught.value.problems}
