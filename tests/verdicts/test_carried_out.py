"""A trigger that did not occur: verdicts are UNKNOWN with its moment, and the run stops waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import KeepsAcknowledged, Starts
from chaoslab.history.events import AnyEvent, TriggerMissed
from chaoslab.history.impossible import FAULTS_OVER, NO_PROCESS, TOO_FEW_BOOTS
from chaoslab.history.triggers import NOT_IN_TIME, RUN_ENDED, never_came
from chaoslab.model import when
from chaoslab.model.load import Load
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.when import AtMoment
from chaoslab.reason import Reason
from chaoslab.verdicts.settled import unsettled
from chaoslab.verdicts.still_open import still_open

from .events import DEGRADED, HEALTHY, complete, exited, samples, spawned, without
from .histories import good, history_of, judged, outcomes
from .plans import TOPOLOGY, plan_of

NEVER = AtMoment(moment="healthy", nth=9, within_s=60.0)
PLACES = ("faults[0].stop", "boots[1].at", "load[0].start", "load[0].stop", "sampling.quiet_from")


def missed(place: str) -> TriggerMissed:
    return TriggerMissed(at_s=4.0, place=place, moment=when.exited(), why=NOT_IN_TIME(within_s=9.0))


@pytest.mark.parametrize("place", PLACES)
def test_no_verdict_of_a_plan_that_was_not_carried_out_passes(place: str) -> None:
    """All three pass without it; each names the place of the plan, the moment and the reason."""
    assert outcomes(judged(good())) == ["PASS"] * 3
    verdicts = judged([*good(), missed(place)])
    assert outcomes(verdicts) == ["UNKNOWN"] * 3
    said = f"the plan was not carried out: {place} waited for an exit: it did not occur within 9 s"
    assert {verdict.texts[0] for verdict in verdicts} == {said}


def test_what_did_not_come_is_data() -> None:
    """The moment and the cause by their codes, with their values."""
    data = judged([*good(), missed("boots[1].at")])[0].because[0].data
    assert (data["place"], data["moment"], data["nth"]) == ("boots[1].at", "exited", 1)
    assert (data["cause"], data["within_s"]) == ("trigger.not_in_time", 9.0)


@pytest.mark.parametrize("moment", [when.exited(), "an exit"])
@pytest.mark.parametrize(
    ("why", "words"),
    [
        (Reason(code="text", text="words of an older run"), "words of an older run"),
        (RUN_ENDED(), "the run ended first"),
        (NO_PROCESS(apps=()), "any app has no process, and the plan starts no more"),
        (TOO_FEW_BOOTS(most=1), "it occurs at most once per boot, so at most 1 times in this run"),
        (
            FAULTS_OVER(missed=("x",), whys=("not seen",), kept=("y",)),
            "x: not seen; y stays in force to the end of the run",
        ),
    ],
)
def test_each_cause_has_its_words(moment: AtMoment | str, why: Reason, words: str) -> None:
    """In a run of today, and in one whose moments and causes were saved as texts."""
    event = replace(missed("boots[1].at"), moment=moment, why=why)
    text = judged([*good(), event])[0].texts[0]
    assert text == f"the plan was not carried out: boots[1].at waited for an exit: {words}"


def test_a_failure_stays_one_and_names_what_did_not_come_last() -> None:
    """A start-up that never ended fails, and its fault's stop, which was that end, is missed."""
    never = without(good(), lambda e: e.kind in ("startup_complete", "startup_snapshot"))
    (verdict,) = judged([*never, missed("faults[0].stop")], Starts(within_s=1.0))
    assert verdict.outcome == "FAIL"
    assert "the plan was not carried out" in verdict.texts[-1]


def two_boots() -> Plan:
    plan = plan_of(Starts(), Starts(boot=2), faults=())
    return replace(plan, boots=(Boot(app="backend"), Boot(app="backend", at=NEVER)))


def waits(plan: Plan, now_s: float, *events: AnyEvent) -> str | None:
    return unsettled(plan, history_of(events), now_s, TOPOLOGY)


def test_a_boot_that_is_missed_and_what_is_expected_of_it_are_not_waited_for() -> None:
    """Not to the plan's limit: the other boot's start-up is all that is left."""
    first = (spawned(0.4), complete(1.0, HEALTHY), *samples(1.0, 2.0, HEALTHY))
    assert waits(two_boots(), 9.0, *first) == "boot 2 of 2"
    assert waits(two_boots(), 9.0, *first, missed("boots[1].at")) is None


def test_a_run_ends_where_all_have_ended_and_the_rest_is_missed() -> None:
    """Its supervisor has no more to start."""
    gone = (spawned(0.4), exited(0.9, asked=False, code=1))
    assert waits(two_boots(), 1.0, *gone) == "boot 2 of 2"
    assert waits(two_boots(), 1.0, *gone, missed("boots[1].at")) is None


def test_a_load_that_is_to_begin_is_waited_for_until_it_does_or_is_missed() -> None:
    """Nothing is expected of it: the plan is carried out all the same."""
    late = Load(app="backend", start=AtMoment(moment="degraded", after_s=2.0, within_s=60.0))
    plan = replace(plan_of(Starts(), faults=()), load=(late,))
    up = (spawned(0.4), complete(1.0, HEALTHY), *samples(1.0, 2.0, HEALTHY))
    assert waits(plan, 9.0, *up) == "load 1 to begin"
    assert waits(plan, 9.0, *up, missed("load[0].start")) is None
    assert waits(plan, 9.0, spawned(0.4), exited(8.0, asked=False)) is None
    assert waits(still_open(plan, history_of(up)), 9.0, *up) == "load 1 to begin"


def test_what_did_not_occur_is_listed_by_its_place_at_the_end() -> None:
    """A boot, a load and the quiet time; those that came are left out."""
    came = AtMoment(moment="spawned", within_s=1.0)
    plan = replace(
        two_boots(),
        load=(Load(start=came, stop=NEVER), Load(start=NEVER)),
        sampling=replace(two_boots().sampling, quiet_from=came, quiet_until=NEVER),
    )
    told = [place for place, _ in never_came(plan, history_of([spawned(0.4)]))]
    assert told == ["boots[1].at", "load[1].start", "sampling.quiet_until"]


def test_the_writes_of_a_load_that_is_missed_are_not_waited_for() -> None:
    """As long as the load had patience, they would have been."""
    load = Load(app="backend", start=NEVER)
    plan = plan_of(KeepsAcknowledged(), faults=(), load=(load,))
    up = (spawned(0.4), complete(1.0, DEGRADED))
    assert waits(plan, 9.0, *up) is not None
    assert waits(plan, 9.0, *up, missed("load[0].start")) is None
