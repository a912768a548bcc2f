"""Weighing verdicts: the fault must affect the app, the lab must work, the history must be
complete.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import (
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    Recovers,
    RefusesHonestly,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import (
    AnyEvent,
    AppSockets,
    FaultInForce,
    HealthSample,
    LabLag,
    LabTrouble,
    ProbeCrashed,
    RunEnded,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import UnknownExpectation
from chaoslab.model.verdict import Outcome, worst
from chaoslab.verdicts.judge import judge

from .events import back, ended, of, sockets, spawned, without, write
from .histories import good, history_of, judged, outage, outcomes
from .plans import BOTH, OUTAGE, PG, REDIS, SEVERED, TOPOLOGY, plan_of


def test_the_good_run_passes_and_says_what_it_rests_on() -> None:
    """Start, degradation and recovery pass, with the evidence among the reasons."""
    verdicts = judged(good())
    assert outcomes(verdicts) == ["PASS"] * 3
    assert all(v.rests_on == (OUTAGE,) for v in verdicts)
    assert all(any(f"observed on {PG}" in line for line in v.texts) for v in verdicts)


def test_a_fault_without_effect_makes_every_verdict_unknown() -> None:
    """The answers are the same, but nothing shows that the outage affected the app."""
    verdicts = judged(outage())
    assert outcomes(verdicts) == ["UNKNOWN"] * 3
    assert all("the app alone would be judged PASS" in v.texts[1] for v in verdicts)


def test_the_reason_names_the_fault_and_the_code_of_what_is_missing() -> None:
    """As data for programs, without sentences."""
    first = judged(outage())[0].because[0]
    assert first.code == "fault.not_observed"
    assert first.data == {"fault": OUTAGE, "cause": "fault.no_connection_affected"}


def test_a_failure_under_a_fault_without_effect_is_unknown_as_well() -> None:
    """It may fail for another reason than the fault."""
    verdicts = judged(without(outage(), of(HealthSample)))
    assert {v.outcome for v in verdicts} == {Outcome.UNKNOWN}


@pytest.mark.parametrize(
    "unsound",
    [
        ProbeCrashed(at_s=2.2, probe="health", error="ValueError"),
        LabLag(at_s=2.2, late_s=0.51),
        LabTrouble(at_s=2.2, part="redis", what="it is stopped by a signal"),
    ],
    ids=["a crashed probe", "a lagging lab", "a part of the lab that failed"],
)
def test_an_unsound_lab_makes_every_verdict_unknown(unsound: AnyEvent) -> None:
    """What the lab did not observe is not known."""
    assert outcomes(judged([*good(), unsound])) == ["UNKNOWN"] * 3


def test_trouble_of_the_lab_makes_a_failure_by_count_unknown_too() -> None:
    """A failed server or proxy can lose a write or cause connects; a late loop cannot. The text has
    the part, the time and the longest duration.
    """
    what = "it is stopped by a signal"
    begun = LabTrouble(at_s=2.2, part="the proxy engine", what=what)
    over = LabTrouble(at_s=2.2, part="the proxy engine", what=what, lasted_s=1.5)
    lost = [*good(), write(2.9, "a"), back(5.9, missing=("a",)), begun, over]
    (kept,) = judged(lost, KeepsAcknowledged())
    assert kept.outcome == "UNKNOWN"
    assert kept.texts[0] == (
        "a part of the lab failed at 2.200 s: the proxy engine: it is stopped by a signal "
        "for 1.500 s"
    )


def test_a_lab_that_is_late_excuses_no_lost_write() -> None:
    """A late lab can lose no write and cause no connect."""
    lost = [*good(), write(2.9, "a"), back(5.9, missing=("a",)), LabLag(at_s=2.2, late_s=0.51)]
    kept, started = judged(lost, KeepsAcknowledged(), Starts(mode="normal"))
    assert outcomes([kept, started]) == ["FAIL", "UNKNOWN"]
    saved = [*good(), write(2.9, "a"), back(5.9, "a"), LabLag(at_s=2.2, late_s=0.51)]
    assert outcomes(judged(saved, KeepsAcknowledged())) == ["UNKNOWN"]


def test_a_small_lag_is_tolerated() -> None:
    """Half a second is the limit."""
    assert outcomes(judged([*good(), LabLag(at_s=2.2, late_s=0.49)])) == ["PASS"] * 3


def test_the_lag_that_is_tolerated_belongs_to_the_plan() -> None:
    """A saved run is judged by the limit of its own plan."""
    events = [*good(), LabLag(at_s=2.2, late_s=0.9)]
    assert outcomes(judged(events)) == ["UNKNOWN"] * 3
    assert outcomes(judged(events, max_lag_s=1.0)) == ["PASS"] * 3


def test_evidence_on_one_link_is_none_for_a_dependency_on_the_other() -> None:
    """Redis is named as lost, but the fault was not observed on its link."""
    only_pg = [e for e in good() if not (isinstance(e, AppSockets) and e.link == REDIS)]
    assert outcomes(judged(only_pg)) == ["PASS", "UNKNOWN", "PASS"]


def test_names_of_health_s_own_need_evidence_on_every_link() -> None:
    """`database` is no service of the topology, so its link is not known."""
    words = {"database": "down", "cache": "down"}
    said = [replace(e, dependencies=words) if isinstance(e, HealthSample) else e for e in good()]
    degrades = Degrades(naming=("database", "cache"))
    assert outcomes(judged(said, degrades)) == ["PASS"]
    only_pg = [e for e in said if not (isinstance(e, AppSockets) and e.link == REDIS)]
    assert outcomes(judged(only_pg, degrades)) == ["UNKNOWN"]


def test_an_effect_on_another_app_is_no_evidence_for_this_one() -> None:
    """Only connects of the other app were dropped."""
    others = [
        sockets(1.0, "auth.postgres", syn_sent=(1,)),
        sockets(1.0, "auth.redis", syn_sent=(2,)),
    ]
    assert outcomes(judged([*outage(), *others])) == ["UNKNOWN"] * 3


def test_an_effect_on_another_boot_is_no_evidence_for_this_one() -> None:
    """The second boot was spawned after the outage."""
    events = [*good(), spawned(3.9, boot=2)]
    starts = Starts(boot=2, rests_on=(OUTAGE,))
    (verdict,) = judged(events, starts)
    assert verdict.outcome == "UNKNOWN"
    assert "not observed to affect the app" in verdict.texts[0]


def test_a_degradation_always_rests_on_its_own_fault() -> None:
    """Also where `rests_on` does not list it."""
    (verdict,) = judged(outage(), Degrades(naming=BOTH, rests_on=()))
    assert (verdict.outcome, verdict.rests_on) == ("UNKNOWN", (OUTAGE,))


def test_a_verdict_that_rests_on_nothing_needs_no_evidence() -> None:
    """For example a normal start after the repair."""
    assert outcomes(judged(outage(), Starts(mode="degraded", rests_on=()))) == ["PASS"]


EVERY: tuple[Expectation, ...] = (
    Starts(),
    Starts(mode="normal", boot=2),
    FailsFast(naming=("postgres",)),
    Degrades(naming=BOTH),
    Recovers(),
    KeepsAcknowledged(),
    RefusesHonestly(),
    FirstRequestServed(fault=OUTAGE),
    StaysAvailable(healthy=False),
)


def prefixes() -> list[list[AnyEvent]]:
    events = list(history_of(good()).events)
    return [events[:count] for count in range(len(events))]


def test_a_history_cut_short_anywhere_never_passes_and_never_raises() -> None:
    """A killed run has no end, so every verdict is UNKNOWN."""
    for events in prefixes():
        assert "PASS" not in outcomes(judged(events, *EVERY)), f"after {len(events)} events"


def test_a_run_that_was_interrupted_passes_only_what_was_seen_to_the_end() -> None:
    """A verdict passes only from the event on that completes it."""
    passes_from: dict[str, float] = {}
    for events in prefixes():
        at_s = max((e.at_s for e in events), default=0.0)
        cut = [*without(events, of(RunEnded)), ended(at_s + 0.01, settled=False)]
        for verdict in judged(cut, *EVERY):
            if verdict.outcome is Outcome.PASS:
                passes_from.setdefault(verdict.name, at_s)
    assert set(passes_from) == {"starts", "recovers"}  # degraded is for the whole of the fault
    assert 3.4 <= passes_from["starts"] <= 3.45  # 3 s after the spawn at 0.4 it may no longer die
    assert passes_from["recovers"] >= 3.8  # 0.4 s of healthy answers, and the write looked up


def test_leaving_any_one_event_out_never_raises() -> None:
    """Each event of the good run in turn."""
    events = good()
    for gone in range(len(events)):
        assert len(judged([*events[:gone], *events[gone + 1 :]], *EVERY)) == len(EVERY)


def test_the_order_of_writing_does_not_matter_for_samples() -> None:
    """Overlapping samples may be recorded in any order."""
    events = list(history_of(good()).events)
    turned = History((*without(events, of(HealthSample)), *filter(of(HealthSample), events)))
    plan = plan_of()
    assert outcomes(judge(TOPOLOGY, plan, turned)) == ["PASS"] * 3


def test_a_fault_that_the_plan_does_not_have_is_unknown() -> None:
    """The plan was edited by hand. There is no traceback."""
    plan = plan_of(Starts(rests_on=(OUTAGE,)))
    (verdict,) = judge(TOPOLOGY, replace(plan, faults=()), history_of(good()))
    assert verdict.outcome == "UNKNOWN"


def test_a_fault_never_seen_in_force_makes_every_verdict_unknown() -> None:
    """No canary observed it in force."""
    assert set(outcomes(judged(without(good(), of(FaultInForce))))) == {"UNKNOWN"}


def test_the_worst_of_all_counts_and_nothing_judged_is_unknown() -> None:
    """PASS < UNKNOWN < FAIL."""
    assert worst([Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN]) is Outcome.FAIL
    assert worst([Outcome.PASS, Outcome.UNKNOWN]) is Outcome.UNKNOWN
    assert worst(()) is Outcome.UNKNOWN
    assert SEVERED.label == OUTAGE


def test_an_expectation_of_an_extension_that_is_not_installed_is_unknown() -> None:
    """The reason has its name. The others are judged."""
    strange = UnknownExpectation(kind="warms_cache", app="backend", rests_on=())
    plan = replace(plan_of(Starts(mode="degraded")), expect=())
    plan = replace(plan, expect=(strange,))
    (verdict,) = judge(TOPOLOGY, plan, history_of(outage()))
    assert (verdict.name, verdict.outcome) == ("warms_cache", "UNKNOWN")
    assert verdict.texts == ("no installed package judges 'warms_cache'",)
