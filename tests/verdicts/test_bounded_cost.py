"""What an app costs in a fault and after its heal, against what it cost before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from chaoslab import Severed, Stopped
from chaoslab.expectations import BoundedCost
from chaoslab.expectations.bounded_cost import AFTER_S
from chaoslab.history.events import AnyEvent, AppUsage, QuestionsAsked, ServerCommands
from chaoslab.model.verdict import Outcome, Verdict

from .altered import died
from .costing import (
    CALM,
    END_S,
    HEAL_S,
    after_heal,
    costing,
    costs,
    in_fault,
    of_redis,
)
from .events import HEALTHY, exited, fault, of, samples, without
from .histories import STOPPED, history_of, run_of, stopped_under_load
from .plans import REDIS, plan_of
from .reading import codes, data

DOWN = Stopped(target="postgres")
CODES = {
    "rss_mib": "cost.memory",
    "cores": "cost.processor",
    "lines": "cost.log_lines",
    "line_bytes": "cost.log_bytes",
    "commands": "cost.commands",
    "sent_kib": "cost.sent",
}
TOO_MUCH = {
    "rss_mib": 221.0,
    "cores": 0.95,
    "lines": 4500.0,
    "line_bytes": 500_000.0,
    "commands": 9000.0,
    "sent_kib": 4096.0,
}


def cost(events: Iterable[AnyEvent], **of: Any) -> Verdict:
    """The verdict alone, without the evidence of the fault."""
    plan = plan_of(BoundedCost(**of), faults=(DOWN,))
    claim = plan.expect[0]
    assert isinstance(claim, BoundedCost)
    return claim.judged(run_of(events, plan).of("backend"))


def of_redis_only(verdict: Verdict, code: str) -> dict[str, Any]:
    """The data of the reason with this code; of those about a link or a service, that of Redis."""
    found = [r for r in verdict.because if r.code == code]
    return dict(next(r.data for r in found if {"redis", REDIS} & {*r.data.values()}))


def test_an_app_that_costs_what_it_did_before_passes() -> None:
    """Each cost is in the reasons, with its values in the three phases."""
    verdict = cost(costing())
    assert verdict.outcome is Outcome.PASS, verdict.texts
    assert {*codes(verdict)} == {*CODES.values()}
    memory = data(verdict, "cost.memory")
    assert [memory[each] for each in ("baseline", "during", "after")] == [50.0] * 3
    assert memory["allowed"] == 150.0
    lines = data(verdict, "cost.log_lines")
    assert lines["during"] == pytest.approx(4.0, abs=0.1)
    assert lines["above"] == ()


@pytest.mark.parametrize("what", TOO_MUCH)
@pytest.mark.parametrize("phase", ["during", "after"])
def test_each_cost_that_is_too_high_fails_for_its_own_reason(what: str, phase: str) -> None:
    """It comes first, with its value, its limit and the value before the fault."""
    made = in_fault if phase == "during" else after_heal
    verdict = cost(made(**{what: TOO_MUCH[what]}))
    assert verdict.outcome is Outcome.FAIL, verdict.texts
    assert verdict.because[0].code == CODES[what]
    assert verdict.because[0].data["above"][0] == phase
    high = {r.code for r in verdict.because if r.data.get("above")}
    assert high == {CODES[what]}


def test_the_text_of_a_failure_has_all_figures() -> None:
    """The value where it was too high, what is allowed, and the value before."""
    verdict = cost(in_fault(rss_mib=221.0))
    assert verdict.texts[0] == (
        "memory: 221 MiB while the fault was in force (too high), 50 MiB after the heal; "
        "150 MiB are allowed, 50 MiB before the first fault"
    )


@pytest.mark.parametrize(
    ("what", "name", "value", "limit", "outcome"),
    [
        ("lines", "log_lines_per_s", 100.0, 99.0, "FAIL"),
        ("lines", "log_lines_per_s", 100.0, 101.0, "PASS"),
        ("cores", "cpu_cores", 0.5, 0.44, "FAIL"),
        ("cores", "cpu_cores", 0.5, 0.51, "PASS"),
        ("rss_mib", "rss_growth_mib", 130.0, 79.0, "FAIL"),
        ("rss_mib", "rss_growth_mib", 130.0, 80.0, "PASS"),
        ("commands", "commands_per_s", 200.0, 190.0, "FAIL"),
        ("commands", "commands_per_s", 200.0, 200.0, "PASS"),
        ("sent_kib", "sent_kib_per_s", 100.0, 95.0, "FAIL"),
        ("sent_kib", "sent_kib_per_s", 100.0, 100.0, "PASS"),
    ],
)
def test_a_limit_of_the_scenario_holds_from_both_sides(
    what: str, name: str, value: float, limit: float, outcome: str
) -> None:
    """Below it and above it."""
    assert cost(in_fault(**{what: value}), **{name: limit}).outcome.value == outcome


def test_an_app_that_always_cost_much_may_cost_twice_as_much() -> None:
    """The factor of the claim is the limit if that is more."""
    busy = replace(CALM, commands=3000.0, lines=3000.0, cores=0.7)
    twice = replace(busy, commands=5900.0, lines=5900.0, cores=1.3)
    assert cost(costing(busy, twice, busy)).outcome is Outcome.PASS
    assert cost(costing(busy, twice, busy), factor=1.5).outcome is Outcome.FAIL


def test_what_the_start_up_costs_is_no_baseline_and_no_failure() -> None:
    """Nothing before the first ready answer counts."""
    at_start = replace(CALM, lines=9000.0, cores=1.0)
    events = costs()
    early = [e for e in costs(at_start) if isinstance(e, AppUsage) and e.at_s < 1.0]
    shift = early[-1]
    events = [
        replace(e, cpu_s=e.cpu_s + shift.cpu_s, log_lines=e.log_lines + shift.log_lines)
        if isinstance(e, AppUsage)
        else e
        for e in events
        if not (isinstance(e, AppUsage) and e.at_s < 1.0)
    ]
    verdict = cost([*stopped_under_load(), *early, *events])
    assert verdict.outcome is Outcome.PASS, verdict.texts
    assert data(verdict, "cost.log_lines")["baseline"] < 10


def test_memory_that_is_there_twice_for_a_moment_is_not_counted() -> None:
    """A process that forks has its memory twice until its child runs another program."""
    events = [
        replace(e, rss_bytes=4 * e.rss_bytes) if isinstance(e, AppUsage) and e.at_s == 3.0 else e
        for e in costing()
    ]
    assert cost(events).outcome is Outcome.PASS


def test_a_lab_that_was_late_makes_no_rate_higher() -> None:
    """Whatever came between two readings is divided by all the time between them."""
    lines = in_fault(lines=1500.0)
    gap = without(lines, lambda e: isinstance(e, AppUsage) and 2.5 < e.at_s < 4.25)
    verdict = cost(gap, log_lines_per_s=1600.0)
    assert verdict.outcome is Outcome.PASS
    assert data(verdict, "cost.log_lines")["during"] <= 1500.0
    slow = [*stopped_under_load(), *costs(CALM, replace(CALM, lines=2200.0), took_s=0.2)]
    assert (
        cost(slow, log_lines_per_s=2000.0).outcome is Outcome.PASS
    )  # 2,750 in what may have been 1.45 s


def test_a_server_that_started_again_counts_from_zero() -> None:
    """Its smaller count is no negative rate, and at least its new count came since."""
    verdict = cost(costing())
    found = [r.data for r in verdict.because if r.data.get("service") == "postgres"]
    assert found[0]["after"] is not None
    assert 0 <= found[0]["after"] < 100
    storm = [
        replace(e, count=50_000 + e.count)
        if isinstance(e, ServerCommands) and e.service == "postgres" and e.at_s >= 5.0 and e.count
        else e
        for e in costing()
    ]
    assert cost(storm).outcome is Outcome.FAIL


def test_commands_that_a_server_counts_late_are_spread_over_that_time() -> None:
    """A session of Postgres reports a second's transactions at once."""
    lumps = [
        replace(e, count=round(2500 * (e.at_s // 1)), late_s=late_s)
        if isinstance(e, ServerCommands) and e.service == "redis"
        else e
        for late_s in (1.0,)
        for e in costing()
    ]
    assert cost(lumps, commands_per_s=1500.0).outcome is Outcome.PASS
    exact = [replace(e, late_s=0.0) if isinstance(e, ServerCommands) else e for e in lumps]
    assert of_redis_only(cost(exact), "cost.commands")["during"] > 1900


def test_only_the_servers_that_are_named_are_judged() -> None:
    """The others may carry out anything."""
    flood = in_fault(commands=9000.0)
    assert cost(flood, services=("redis",)).outcome is Outcome.FAIL
    verdict = cost(flood, services=("postgres",))
    assert verdict.outcome is Outcome.PASS
    assert "redis" not in {r.data.get("service") for r in verdict.because}


def test_without_a_second_of_good_life_before_the_fault_nothing_is_known() -> None:
    """The reason says how long it was and how long it must be."""
    early = fault("first", 1.5, 1.6, 1.9, 2.0)
    verdict = cost([*costing(), *early])
    assert verdict.outcome is Outcome.UNKNOWN
    assert codes(verdict) == ["cost.no_baseline"]
    assert data(verdict, "cost.no_baseline") == {"lasted_s": pytest.approx(0.49), "needed_s": 1.0}


def test_an_app_that_was_not_observed_is_unknown() -> None:
    """No runtime that shows nothing leads to a PASS."""
    verdict = cost(without(costing(), of(AppUsage)))
    assert (verdict.outcome, codes(verdict)) == (Outcome.UNKNOWN, ["cost.not_observed"])


def test_a_server_that_never_answered_again_is_unknown() -> None:
    """What it did after the heal is not known."""
    silent = without(
        costing(),
        lambda e: isinstance(e, ServerCommands) and e.service == "redis" and e.at_s > HEAL_S,
    )
    verdict = cost(silent)
    assert verdict.outcome is Outcome.UNKNOWN
    missing = data(verdict, "cost.not_measured")
    assert missing == {"what": "the number of commands on redis", "phase": "after"}


def test_an_app_that_ended_in_the_fault_is_unknown_and_its_end_is_named() -> None:
    """Its costs after the heal were not measured."""
    verdict = cost(without(died(3.5, costing()), lambda e: e.at_s > 4.1))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "app.exited" in codes(verdict)


def test_a_failure_stays_if_the_app_ended_later() -> None:
    """What was counted was counted."""
    events = died(4.2, in_fault(lines=4500.0))
    assert cost(events).outcome is Outcome.FAIL


def test_a_server_without_a_baseline_never_fails() -> None:
    """There is nothing to compare its commands with."""
    late = without(
        in_fault(commands=9000.0), lambda e: isinstance(e, ServerCommands) and e.at_s < 2.4
    )
    assert cost(late, services=("redis",)).outcome is Outcome.UNKNOWN


def test_costs_in_a_later_fault_are_not_those_of_this_one() -> None:
    """A claim that rests on one fault is judged until another begins."""
    storm = after_heal(lines=4500.0)
    kept = without(storm, lambda e: isinstance(e, AppUsage) and HEAL_S < e.at_s < 6.6)
    calm = [e for e in costs() if isinstance(e, AppUsage) and HEAL_S < e.at_s < 6.6]
    other = Severed(name="late", target="redis")
    plan = plan_of(BoundedCost(rests_on=(STOPPED,)), faults=(DOWN, other))
    claim = plan.expect[0]
    assert isinstance(claim, BoundedCost)
    events = [*kept, *calm, *fault("late", 6.6, 6.61, 6.8, 6.81)]
    verdict = claim.judged(run_of(events, plan).of("backend"))
    assert verdict.outcome is Outcome.PASS, verdict.texts


def test_the_run_goes_on_after_the_recovery_to_see_what_lasts() -> None:
    """Health is healthy from 5.0 on."""
    plan = plan_of(BoundedCost(), faults=(DOWN,))
    claim = plan.expect[0]
    assert isinstance(claim, BoundedCost)
    kept = without(costing(), lambda e: e.kind in ("exited", "run_ended"))
    run = run_of([*kept, *samples(END_S, END_S + 2, HEALTHY)], plan).of("backend")
    assert claim.waits_for(run, 5.0 + AFTER_S - 0.1) == "what backend costs after the heal"
    assert claim.waits_for(run, 5.5 + AFTER_S) is None
    gone = replace(run, history=history_of([*run.history.events, exited(5.1, asked=False)]))
    assert claim.waits_for(gone, 5.2) is None


def test_readings_that_took_no_time_do_not_divide_by_zero() -> None:
    """A clock may not move between two readings."""
    twice = [of_redis(2.5, 5000, 0.0), of_redis(2.5, 5000, 0.0)]
    assert cost([*costing(), *twice]).outcome in tuple(Outcome)


def test_what_the_lab_looks_up_at_the_end_is_no_cost_of_the_app() -> None:
    """Its probes have stopped by then."""
    looked_up = [
        replace(e, count=e.count + 9000)
        if isinstance(e, ServerCommands) and e.service == "redis" and e.at_s > 6.5 and e.count
        else e
        for e in costing()
    ]
    assert cost(looked_up).outcome is Outcome.FAIL
    stopped = QuestionsAsked(at_s=6.6, app="backend", boot=1, asked={}, most_under_way=1)
    assert cost([*looked_up, stopped]).outcome is Outcome.PASS


@pytest.mark.parametrize("what", ["lines", "commands", "sent_kib"])
def test_a_flood_after_the_heal_is_not_called_one_of_the_fault(what: str) -> None:
    """Nothing passed while the path was cut: every time up to the heal is calm."""
    verdict = cost(after_heal(**{what: TOO_MUCH[what]}))
    assert verdict.because[0].data["above"] == ("after",)


def test_a_storm_of_the_fault_is_hardly_seen_after_the_heal() -> None:
    """Of a second after the heal only the time since the last reading is the fault's."""
    verdict = cost(in_fault(commands=4500.0))
    assert of_redis_only(verdict, "cost.commands")["after"] < 4500.0 / 3
