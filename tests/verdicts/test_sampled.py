"""`Sampled`: the samples of a probe of the scenario's own, judged by their share."""

from __future__ import annotations

import pytest

from chaoslab import Severed, Stopped, when
from chaoslab.errors import SpecError
from chaoslab.expectations import FirstRequestServed, Sampled
from chaoslab.history.events import AnyEvent, Exited, FaultHealed, HealthSample, Request, RunEnded
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.steps import Probe
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.settled import unsettled

from .events import of, own, without, write
from .histories import good, history_of, judged, stopped_under_load
from .plans import TOPOLOGY, plan_of

START = [*own(0.5, 1.0, ok=False, error="ConnectError"), *own(1.0, 2.0)]


def verdict(events: list[AnyEvent], e: Sampled) -> Verdict:
    return judged([*good(), *events], e)[0]


def codes(of_verdict: Verdict) -> list[str]:
    return [reason.code for reason in of_verdict.because]


def test_samples_before_the_first_that_is_ok_are_the_apps_time_to_start() -> None:
    """Nobody listens yet; from then on every sample counts."""
    assert verdict(START, Sampled(probe="pay")).outcome == "PASS"


def test_one_sample_that_is_not_ok_fails_where_every_one_must_be() -> None:
    """The first of them is named with what came."""
    bad = verdict([*START, *own(2.0, 2.1, ok=False, error="TimeoutError")], Sampled(probe="pay"))
    assert bad.outcome == "FAIL"
    assert codes(bad)[0] == "sampled.not_ok"
    assert bad.because[0].data["bad"] == 1
    assert "TimeoutError" in bad.because[0].text


def test_a_share_allows_as_many_as_it_says() -> None:
    """9 of 10 are 0.9, exactly."""
    nine = [*own(1.0, 1.9), *own(1.9, 2.0, ok=False)]
    assert verdict(nine, Sampled(probe="pay", share=0.9)).outcome == "PASS"
    assert verdict(nine, Sampled(probe="pay", share=0.91)).outcome == "FAIL"


def test_within_s_counts_only_samples_from_so_long_after_the_last_heal_on() -> None:
    """The outage itself is nobody's failure."""
    outage = [*START, *own(2.0, 3.3, ok=False), *own(3.3, 4.1)]
    assert verdict(outage, Sampled(probe="pay", within_s=0.5)).outcome == "PASS"
    assert verdict(outage, Sampled(probe="pay", within_s=0.1)).outcome == "FAIL"


def test_a_fault_that_was_not_healed_leaves_nothing_to_judge() -> None:
    """There is no `after the heal` then."""
    events = [*without(good(), of(FaultHealed)), *START]
    (unhealed,) = judged(events, Sampled(probe="pay", within_s=1.0))
    assert unhealed.outcome == "UNKNOWN"
    assert "sampled.not_healed" in codes(unhealed)


def test_too_few_samples_are_unknown() -> None:
    """Also where all of them are ok."""
    few = verdict(own(1.0, 1.3), Sampled(probe="pay"))
    assert (few.outcome, codes(few)[0]) == ("UNKNOWN", "sampled.too_few")


def test_samples_of_other_probes_count_for_nothing() -> None:
    """Each probe has its name."""
    other = own(1.0, 3.0, ok=False, probe="other")
    assert verdict([*START, *other], Sampled(probe="pay")).outcome == "PASS"


def test_a_run_waits_until_there_are_enough_samples_and_no_longer_than_they_may_take() -> None:
    """A probe that never asks ends no run late."""
    plan = plan_of(Sampled(probe="pay", samples=9))
    events = without(good(), of(RunEnded, Exited))
    enough = history_of([*events, *own(3.0, 3.9)])
    assert unsettled(plan, enough, 7.0, TOPOLOGY) is None
    assert unsettled(plan, history_of(events), 7.0, TOPOLOGY) == "samples of 'pay'"
    assert unsettled(plan, history_of(events), 60.0, TOPOLOGY) is None


@pytest.mark.parametrize(
    ("e", "wanted"),
    [
        (Sampled(probe="play"), "probe is 'play'"),
        (Sampled(probe="pay", share=0.0), "share is 0.0"),
        (Sampled(probe="pay", samples=0), "samples is 0"),
        (Sampled(probe="pay", within_s=1.0), "needs the heal of"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_the_run(e: Sampled, wanted: str) -> None:
    """By name, with the place in the plan."""
    plan = Plan(
        faults=(Severed(target="vpc", start=when.healthy()),),
        probes=(Probe(name="pay", call=len),),
        expect=(e,),
    )
    with pytest.raises(SpecError, match=wanted):
        resolve(plan, TOPOLOGY)


def test_a_probe_that_asked_before_the_first_write_leaves_no_first_write() -> None:
    """It may have found the stale connection that a user would have met."""
    down = Stopped(target="postgres")
    quiet = without(
        stopped_under_load(),
        lambda e: isinstance(e, HealthSample | Request) and 2.4 <= e.at_s < 5.5,
    )
    e = FirstRequestServed(fault="stopped:postgres")
    events = [*quiet, write(5.0, "first")]
    (served,) = judged(events, e, faults=(down,))
    (asked,) = judged([*events, *own(4.8, 4.9)], e, faults=(down,))
    assert served.outcome == "PASS"
    assert asked.outcome == "UNKNOWN"
    assert "lab.probe_before_write" in codes(asked)
