"""A resolved plan: every name and every bound is written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from chaoslab import (
    Restarted,
    Severed,
)
from chaoslab import expectations as expect
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.when import AtMoment, Moment

from .plans import SEVERED, STOP, TOPOLOGY, whole


def test_a_resolved_plan_resolves_to_itself() -> None:
    """Resolving again changes nothing."""
    plan = resolve(whole(), TOPOLOGY)
    assert resolve(plan, TOPOLOGY) == plan


def test_bounds_come_from_the_apps_own_deadlines() -> None:
    """Each expectation gets its bound from the matching deadline. A given bound stays."""
    asked = (
        expect.Starts(),
        expect.Starts(app="auth"),
        expect.FailsFast(naming=("postgres",)),
        expect.Degrades(naming=("redis",)),
        expect.Recovers(),
        expect.Recovers(within_s=9.0),
    )
    boots = (Boot(app="backend"), Boot(app="auth"))
    plan = resolve(Plan(boots=boots, faults=(SEVERED,), expect=asked), TOPOLOGY)
    bounds = [e.within_s for e in plan.expect if not isinstance(e, expect.StaysAvailable)]  # type: ignore[union-attr]
    assert bounds == [3.0, 30.0, 4.0, 1.0, 2.0, 9.0]
    assert [e.app for e in plan.expect] == ["backend", "auth", *["backend"] * 4]


def test_an_expectation_rests_on_every_fault_by_default() -> None:
    """By the labels of the faults. An empty tuple stays empty."""
    asked = (expect.Starts(), expect.Starts(rests_on=()), expect.Starts(rests_on=("two",)))
    two = Severed(name="two", target="redis", stop=STOP)
    plan = resolve(Plan(faults=(SEVERED, two), expect=asked), TOPOLOGY)
    assert [e.rests_on for e in plan.expect] == [("severed:vpc", "two"), (), ("two",)]


def test_a_fault_gets_its_label_for_a_name_and_a_restart_its_end() -> None:
    """A restart ends as soon as the service is observed up again."""
    plan = resolve(Plan(faults=(SEVERED, Restarted(target="redis"))), TOPOLOGY)
    assert [fault.name for fault in plan.faults] == ["severed:vpc", "restarted:redis"]
    stop = plan.faults[1].stop
    assert stop is not None
    assert (stop.moment, stop.of) == ("in_force", "restarted:redis")


@pytest.mark.parametrize("moment", get_args(Moment))
def test_every_moment_gets_a_bound(moment: Moment) -> None:
    """It is finite, and not shorter than the slowest app's start-up may take."""
    stop = AtMoment(moment=moment)
    (fault,) = resolve(Plan(faults=(Severed(target="vpc", stop=stop),)), TOPOLOGY).faults
    assert fault.stop is not None
    assert fault.stop.within_s is not None
    assert 30.0 <= fault.stop.within_s <= 60.0


def test_the_limit_is_a_generous_sum_of_what_the_plan_waits_for() -> None:
    """One boot, one fault, two bounds: 30 + (31 + 0.6) + 30 + 2 + 3 + 10 for the fault's turns,
    where the slowest app may take 30 s to start, then 1 s to degrade.
    """
    auth = (Boot(app="auth"),)
    asked = (expect.Starts(app="auth"), expect.Recovers(app="auth"))
    plan = resolve(Plan(boots=auth, faults=(SEVERED,), expect=asked), TOPOLOGY)
    assert plan.limit_s == pytest.approx(106.6)
    assert resolve(plan, TOPOLOGY) == plan


def test_the_limit_grows_with_every_wait_and_is_never_short() -> None:
    """A short plan has 30 s. A boot, a load, its writes and a quiet time each add their time."""

    def limit_s(**more: Any) -> float:
        found = resolve(Plan(**{"expect": (expect.Starts(),), **more}), TOPOLOGY).limit_s
        assert found is not None
        return found

    at = AtMoment(moment="healthy", within_s=40.0, after_s=5.0)
    load = (Load(start=at, rate_per_s=2.0),)
    assert limit_s() == 30.0
    assert limit_s(boots=(Boot(), Boot(at=at))) == pytest.approx(2 * 4 + 45 + 3)
    assert limit_s(load=load) == pytest.approx(4 + 45 + 3)
    kept = (expect.KeepsAcknowledged(at_least=30),)
    assert limit_s(load=load, expect=kept) == pytest.approx(4 + 45 + 15)
    quiet = Sampling(quiet_from=at, quiet_until=at)
    assert limit_s(sampling=quiet) == pytest.approx(4 + 90 + 3)
    tenths = tuple(Boot(at=replace(at, after_s=0.2)) for _ in range(3))
    assert str(limit_s(boots=tenths)) == "135.6"  # people read it: no 135.60000000000002


def test_a_limit_that_was_given_stays() -> None:
    """Also where it is less than what the plan may wait."""
    assert resolve(Plan(expect=(expect.Starts(),), limit_s=1.0), TOPOLOGY).limit_s == 1.0


def test_a_bound_that_was_given_to_a_moment_stays() -> None:
    """Also in a boot, a load and the sampling."""
    at = AtMoment(moment="healthy", within_s=1.5)
    plan = Plan(
        boots=(Boot(at=at),),
        load=(Load(start=at, stop=at),),
        sampling=Sampling(quiet_from=at, quiet_until=at),
    )
    read = resolve(plan, TOPOLOGY)
    found = [read.boots[0].at, read.load[0].start, read.load[0].stop]
    assert [*found, read.sampling.quiet_from, read.sampling.quiet_until] == [at] * 5


def test_an_app_without_writes_may_recover_by_its_health() -> None:
    """Unless the plan requires a write as proof."""
    plan = Plan(boots=(Boot(app="auth"),), faults=(SEVERED,), expect=(expect.Recovers(app="auth"),))
    (e,) = resolve(plan, TOPOLOGY).expect
    assert isinstance(e, expect.Recovers)
    assert e.proved is False


def test_a_target_names_a_connectors_links_one_link_or_a_service_s() -> None:
    """An unknown name gives no links."""
    named = {
        target: [link.name for link in TOPOLOGY.links_of(target)]
        for target in ("vpc", "backend.redis", "postgres", "redis", "nobody", "")
    }
    assert named == {
        "vpc": ["backend.postgres", "backend.redis", "auth.postgres"],
        "backend.redis": ["backend.redis"],
        "postgres": ["backend.postgres", "auth.postgres"],
        "redis": ["backend.redis"],
        "nobody": [],
        "": [],
    }
    assert all(TOPOLOGY.links_of(target) for target in TOPOLOGY.targets)
