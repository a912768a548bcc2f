"""Latency after a recovery: slower by much, by more than noise, and not by chance."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chaoslab import Stopped
from chaoslab.expectations import RegainsLatency
from chaoslab.expectations.regains_latency import chance_of
from chaoslab.history.events import AnyEvent, HealthSample, Ready, Request, RunEnded
from chaoslab.model.verdict import Verdict

from .events import DEGRADED, ended, of, sample, without, writes
from .histories import run_of, stopped_under_load
from .plans import plan_of


def regained(events: list[AnyEvent], *, at_least: int = 20) -> Verdict:
    e = RegainsLatency(app="backend", request="write", at_least=at_least)
    return e.judged(run_of(events, plan_of(faults=(Stopped(target="postgres"),))))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def taking(before_s: float, after_s: float) -> list[AnyEvent]:
    """The good run in which writes took so long before the fault and after the recovery."""
    took = {False: before_s, True: after_s}
    return [
        replace(e, took_s=took[e.at_s > 4.0]) if isinstance(e, Request) and e.outcome == "ok" else e
        for e in stopped_under_load()
    ]


def test_as_fast_as_before_passes_and_says_both() -> None:
    """Medians and 95th percentiles of both sides."""
    verdict = regained(stopped_under_load())
    assert verdict.outcome == "PASS"
    assert "before the fault: median 0.020 s, p95 0.020 s of 26 writes" in why(verdict)
    assert "after the recovery: median 0.020 s, p95 0.020 s of 37 writes" in why(verdict)


def test_much_slower_than_before_fails() -> None:
    """Five times as slow, by 0.08 s."""
    verdict = regained(taking(0.02, 0.1))
    assert verdict.outcome == "FAIL"
    assert "the median write is 5.0 times as slow as before the fault" in why(verdict)


@pytest.mark.parametrize(
    ("before_s", "after_s"),
    [(0.02, 0.059), (0.004, 0.0235), (0.1, 0.02)],
    ids=["less than three times", "less than 0.02 s more", "faster"],
)
def test_slower_by_little_passes(before_s: float, after_s: float) -> None:
    """A ratio alone, or a few milliseconds alone, are noise."""
    assert regained(taking(before_s, after_s)).outcome == "PASS"


def test_a_machine_that_became_slower_for_all_is_not_the_apps_doing() -> None:
    """Health takes four times as long too; a tenth more of it does not excuse five times."""
    slow = taking(0.02, 0.1)

    def health_taking(times: float) -> list[AnyEvent]:
        return [
            replace(e, took_s=0.01 * times) if isinstance(e, HealthSample) and e.at_s > 4.6 else e
            for e in slow
        ]

    verdict = regained(health_taking(4.0))
    assert (verdict.outcome, "health is 4.0 times as slow" in why(verdict)) == (
        "UNKNOWN",
        True,
    )
    assert regained(health_taking(1.1)).outcome == "FAIL"
    assert regained(health_taking(0.5)).outcome == "FAIL"


def test_a_difference_that_chance_explains_passes() -> None:
    """Two of a kind differ by their medians and overlap: three of each side prove nothing."""
    assert chance_of([0.01, 0.02, 0.2], [0.1, 0.1, 0.1]) > 0.01


def test_one_answer_says_nothing_of_a_distribution() -> None:
    """Fewer than asked for on either side is unknown, with both counts."""
    verdict = regained(stopped_under_load(), at_least=30)
    assert verdict.outcome == "UNKNOWN"
    assert "26 acknowledged writes before the fault, 37 after it" in why(verdict)
    ill = without(stopped_under_load(), of(Ready))
    ill = [
        replace(s, state=DEGRADED) if s.at_s < 2.6 and isinstance(s, HealthSample) else s
        for s in ill
    ]
    assert "0 acknowledged writes before" in why(regained(ill))


def test_what_is_served_before_the_lab_has_seen_ready_is_baseline() -> None:
    """The lab asks for readiness last; health was good long before."""
    late = [replace(e, at_s=2.3) if isinstance(e, Ready) else e for e in stopped_under_load()]
    assert "26 writes" in why(regained(late))


def test_only_acknowledged_writes_of_the_load_are_compared() -> None:
    """Refusals are fast, and the proof is the lab's own."""
    refused = writes(6.9, 6.95, "failed", took_s=0.9, code=503)
    assert regained([*stopped_under_load(), *refused]).texts == regained(stopped_under_load()).texts


def test_what_was_answered_before_the_recovery_is_not_after_it() -> None:
    """A blip at 6.0 moves the recovery, and leaves too few."""
    verdict = regained([*stopped_under_load(), sample(6.01, DEGRADED, "postgres")])
    assert (verdict.outcome, "16 after it" in why(verdict)) == ("UNKNOWN", True)


def test_an_app_that_never_recovers_is_unknown_here() -> None:
    """Its recovery is judged elsewhere."""
    never = [*stopped_under_load(), sample(6.99, DEGRADED, "postgres")]
    assert [r.code for r in regained(never).because] == ["latency.not_recovered"]


def test_a_run_that_was_cut_short_is_unknown() -> None:
    """Fast or slow: the rest would have counted."""
    for events in (stopped_under_load(), taking(0.02, 0.1)):
        cut = without(events, of(RunEnded))
        assert regained(cut).outcome == "UNKNOWN"
        assert regained([*cut, ended(7.2, settled=False)]).outcome == "UNKNOWN"


def test_a_plan_without_faults_has_nothing_to_recover_from() -> None:
    """There is no before and after."""
    e = RegainsLatency(app="backend", request="write")
    plan = replace(plan_of(), faults=())
    assert e.judged(run_of(stopped_under_load(), plan)).outcome == "UNKNOWN"


def test_chance_agrees_with_a_count_of_all_orders() -> None:
    """Against 4,000 shuffles of the same values, ties included; both sides of the middle."""
    draw = random.Random(5)
    for shift in (0.0, 0.3, 0.8):
        before = [round(draw.gauss(1.0, 0.5), 1) for _ in range(20)]
        after = [round(draw.gauss(1.0 + shift, 0.5), 1) for _ in range(24)]
        assert chance_of(before, after) == pytest.approx(_by_shuffles(before, after), abs=0.03)


def _by_shuffles(before: list[float], after: list[float]) -> float:
    """The part of all orders in which `after` wins as often as it does, by drawing some."""
    draw, pooled = random.Random(7), [*before, *after]
    seen, count = _wins(before, after), 0
    for _ in range(4000):
        draw.shuffle(pooled)
        count += _wins(pooled[: len(before)], pooled[len(before) :]) >= seen
    return count / 4000


def _wins(before: list[float], after: list[float]) -> float:
    return sum((a > b) + (a == b) / 2 for a in after for b in before)


def test_values_that_are_all_alike_differ_by_chance_only() -> None:
    """No spread, no division by it."""
    assert chance_of([0.02] * 20, [0.02] * 20) == 1.0
